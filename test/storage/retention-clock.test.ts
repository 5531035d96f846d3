import { expect, test } from 'bun:test'
import { openLog } from '../../src/storage/open.ts'
import { draftOf } from '../support/draft.ts'
import { logOptions } from '../support/log-options.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { tempDir } from '../support/temp-dir.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

function keptForAnHour(directory: string) {
  const clock = new ManualClock()
  return { clock, open: () => openLog(logOptions({ directory, clock, retention: { maxAgeMs: HOUR } })) }
}

test('an event of a clock that was ahead makes none too old after a restart with the right time', async () => {
  using dir = tempDir()
  const { clock, open } = keptForAnHour(dir.path)
  const wrong = await open()
  await wrong.append([draftOf('a')])
  clock.leap(DAY)
  await wrong.append([draftOf('a')])
  await wrong.close()
  clock.leap(-DAY)
  const log = await open()
  await log.append([draftOf('a')])
  await log.trim()
  expect(log.oldest).toBe(1)
  await log.close()
})

test('what became too old while the hub was away is kept for ten minutes more: its clock may have come up wrong', async () => {
  using dir = tempDir()
  const { clock, open } = keptForAnHour(dir.path)
  const before = await open()
  await before.append([draftOf('a')])
  clock.pass(2 * HOUR)
  await before.append([draftOf('a')])
  await before.close()
  clock.pass(DAY)
  const log = await open()
  await log.trim()
  // Too old by the time of the newest event.
  expect(log.oldest).toBe(2)
  clock.pass(599_999)
  await log.trim()
  expect(log.oldest).toBe(2)
  clock.pass(1)
  await log.trim()
  expect(log.oldest).toBe(3)
  await log.close()
})

test('what a time server moves a clock by counts at once', async () => {
  using dir = tempDir()
  const clock = new ManualClock()
  const lines: string[] = []
  const warn = (line: string) => void lines.push(line)
  const log = await openLog(logOptions({ directory: dir.path, clock, warn, retention: { maxAgeMs: 30_000 } }))
  await log.append([draftOf('a')])
  clock.leap(59_999)
  await log.trim()
  expect([log.oldest, lines]).toEqual([2, []])
  await log.close()
})
