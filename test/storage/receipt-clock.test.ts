import { expect, test } from 'bun:test'
import { openLog } from '../../src/storage/open.ts'
import { draftOf } from '../support/draft.ts'
import { logOptions } from '../support/log-options.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { tempDir } from '../support/temp-dir.ts'

const MINUTE = 60_000

test('a clock that was ahead is said once each time, also after a restart, and receipts never go back', async () => {
  using dir = tempDir()
  const began = Date.parse('2026-11-23T06:00:00Z')
  const clock = new ManualClock(began)
  const lines: string[] = []
  const options = logOptions({ directory: dir.path, clock, warn: (line) => void lines.push(line) })
  let log = await openLog(options)
  const received = async () => (await log.append([draftOf('a')]))[0]!.received - began
  expect(await received()).toBe(0)
  clock.set(began + 10 * MINUTE)
  expect(await received()).toBe(10 * MINUTE)
  clock.set(began + 10 * MINUTE - 59_999)
  expect(await received()).toBe(10 * MINUTE)
  // A time server takes a clock back by less.
  expect(lines).toEqual([])
  clock.set(began)
  expect([await received(), await received()]).toEqual([10 * MINUTE, 10 * MINUTE])
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain(
    'says 2026-11-23T06:00:00.000Z, and the newest event was received at 2026-11-23T06:10:00.000Z',
  )
  await log.close()
  log = await openLog(options)
  expect(await received()).toBe(10 * MINUTE)
  expect(lines).toHaveLength(2)
  clock.set(began + 11 * MINUTE)
  expect(await received()).toBe(11 * MINUTE)
  clock.set(began)
  await received()
  expect(lines).toHaveLength(3)
  await log.close()
})
