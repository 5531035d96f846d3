import { expect, test } from 'bun:test'
import { openLog } from '../../src/storage/open.ts'
import { RetentionClock } from '../../src/storage/retention-clock.ts'
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

test('a leap is not believed for a restart while it lasts, whatever was published in it', async () => {
  using dir = tempDir()
  const { clock, open } = keptForAnHour(dir.path)
  let log = await open()
  for (let minute = 0; minute < 3; minute++) {
    await log.append([draftOf('a')])
    clock.pass(60_000)
  }
  clock.leap(30 * DAY)
  await log.append([draftOf('a')])
  await log.close()
  clock.pass(30_000)
  log = await open()
  await log.append([draftOf('a')])
  clock.pass(15_000)
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
  // Too old by the time at which the hub was closed.
  expect(log.oldest).toBe(2)
  clock.pass(600_000)
  await log.trim()
  expect(log.oldest).toBe(2)
  clock.pass(60_000)
  await log.trim()
  expect(log.oldest).toBe(3)
  await log.close()
})

test('a hub that is restarted every five minutes deletes what is too old', async () => {
  using dir = tempDir()
  const { clock, open } = keptForAnHour(dir.path)
  let log = await open()
  await log.append([draftOf('a')])
  for (let restart = 0; restart < 14; restart++) {
    await log.close()
    clock.pass(1000)
    log = await open()
    clock.pass(5 * 60_000)
    await log.trim()
  }
  expect(log.oldest).toBe(2)
  await log.close()
})

function readings() {
  const clock = new ManualClock()
  const lines: string[] = []
  const retention = new RetentionClock(0, clock, (line) => void lines.push(line))
  retention.now()
  return { clock, lines, behindMs: () => clock.now() - retention.now() }
}

test('a machine that sleeps most of the time is believed two sleeps later', () => {
  const { clock, behindMs } = readings()
  for (let hour = 0; hour < 100; hour++) {
    clock.leap(52 * 60_000)
    for (let minute = 0; minute < 8; minute++) {
      clock.pass(60_000)
      expect(behindMs()).toBeLessThanOrEqual(2 * 52 * 60_000)
    }
  }
})

test('a clock that two time servers fight over is a line in ten minutes, and the earlier of them counts', () => {
  const { clock, lines, behindMs } = readings()
  for (let turn = 0; turn < 120; turn++) {
    clock.leap(turn % 2 === 0 ? 61_000 : -61_000)
    clock.pass(30_000)
    expect(behindMs()).toBe(turn % 2 === 0 ? 61_000 : 0)
  }
  expect(lines).toHaveLength(6)
})

test('a leap in small steps is one, too', () => {
  const { clock, lines, behindMs } = readings()
  for (let step = 0; step < 60; step++) {
    clock.leap(59_000)
    clock.pass(1000)
    behindMs()
  }
  expect(behindMs()).toBe(60 * 59_000)
  expect(lines).toHaveLength(1)
})
