import { expect, test } from 'bun:test'
import { formatDuration } from '../../src/config/duration.ts'
import { formatSize, parseSize } from '../../src/config/size.ts'
import { parseDuration } from '../../src/core/duration.ts'

test.each([
  ['4096', 4096],
  ['64KiB', 65_536],
  ['1.5MiB', 1_572_864],
  ['1GB', 1_000_000_000],
  ['1GiB', 1_073_741_824],
  ['10 kB', 10_000],
  ['1mb', undefined],
  ['1 M', undefined],
  ['-1', undefined],
  ['1e3', undefined],
  ['', undefined],
  ['99999999TiB', undefined],
])('the size %p is %p bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes as number)
})

test('what is printed for a size or duration reads back as the same', () => {
  for (const bytes of [1, 1023, 1024, 65_536, 1_000_000, 1_572_864, 2 ** 40])
    expect(parseSize(formatSize(bytes))).toBe(bytes)
  for (const ms of [1, 100, 1500, 15_000, 90_000, 3_600_000, 604_800_000])
    expect(parseDuration(formatDuration(ms))).toBe(ms)
})
