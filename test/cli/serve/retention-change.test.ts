import { beforeEach, expect, test } from 'bun:test'
import { RetentionChange, type RetentionLimits } from '../../../src/cli/serve/retention-change.ts'
import { draft, openedHub } from '../../support/hub.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'

const DAY = 86_400_000
const START: RetentionLimits = { maxAgeMs: 30 * DAY, maxEvents: 5_000_000, maxBytes: 1 << 30 }

let counted: RetentionLimits[]
let lines: string[]
let clock: ManualClock
let change: RetentionChange
beforeEach(() => {
  counted = []
  lines = []
  clock = new ManualClock()
  change = new RetentionChange({
    log: { retain: async (limits) => void counted.push(limits) },
    limits: START,
    clock,
    lines: {
      warn: (line) => void lines.push(`warn: ${line}`),
      info: (line) => void lines.push(`info: ${line}`),
    },
    report: () => {},
  })
})

test('a lower limit counts a minute later, and is said with the old value and the new one', async () => {
  await change.change({ ...START, maxEvents: 1_000_000, maxAgeMs: 7 * DAY })
  clock.pass(59_999)
  expect(counted).toEqual([])
  expect(lines).toEqual([
    expect.stringMatching(/^warn: retention\.max_age goes from 30d to 7d in 1m, .* deleted for good/),
    expect.stringMatching(/^warn: retention\.max_events goes from 5000000 to 1000000 in 1m, .* deleted for good/),
  ])
  clock.pass(1)
  expect(counted).toEqual([{ ...START, maxEvents: 1_000_000, maxAgeMs: 7 * DAY }])
  expect(lines.slice(2)).toEqual([
    'warn: retention.max_age = 7d counts from now on.',
    'warn: retention.max_events = 1000000 counts from now on.',
  ])
  clock.pass(DAY)
  expect(counted).toHaveLength(1)
})

test('a reload within the minute takes it back', async () => {
  await change.change({ ...START, maxBytes: 1 << 20 })
  clock.pass(30_000)
  await change.change(START)
  clock.pass(DAY)
  expect(counted).toEqual([])
  expect(lines.slice(1)).toEqual(['info: retention.max_bytes is not lowered after all: it is 1GiB.'])
})

test('a higher limit counts at once, also beside one that is lowered', async () => {
  await change.change({ ...START, maxEvents: 6_000_000, maxBytes: 1 << 20 })
  expect(counted).toEqual([{ ...START, maxEvents: 6_000_000 }])
  clock.pass(60_000)
  expect(counted.at(-1)).toEqual({ ...START, maxEvents: 6_000_000, maxBytes: 1 << 20 })
})

test('reloads for something else do not put it off, and another value begins another minute', async () => {
  await change.change({ ...START, maxEvents: 1_000 })
  clock.pass(40_000)
  await change.change({ ...START, maxEvents: 1_000 })
  clock.pass(20_000)
  expect(counted.at(-1)).toMatchObject({ maxEvents: 1_000 })
  await change.change({ ...START, maxEvents: 900 })
  clock.pass(40_000)
  await change.change({ ...START, maxEvents: 800 })
  clock.pass(40_000)
  expect(counted).toHaveLength(1)
  clock.pass(20_000)
  expect(counted.at(-1)).toMatchObject({ maxEvents: 800 })
})

test('what waits does not come after the close', async () => {
  await change.change({ ...START, maxEvents: 1_000 })
  change.close()
  clock.pass(DAY)
  expect(counted).toEqual([])
})

test('of a log, nothing is deleted before the minute is over, and everything above the limit after it', async () => {
  const { hub, log, close } = await openedHub({ clock })
  try {
    for (let index = 0; index < 30; index++) await hub.publish([draft('a', `${index}`)])
    const limits = { maxAgeMs: 30 * DAY, maxEvents: 1_000_000, maxBytes: 1 << 30 }
    const { warn, info } = { warn: () => {}, info: () => {} }
    const trimming = new RetentionChange({ log, limits, clock, lines: { warn, info }, report: () => {} })
    await trimming.change({ ...limits, maxEvents: 10 })
    await log.trim()
    expect(log.head - log.oldest + 1).toBe(30)
    clock.pass(60_000)
    await until('the oldest to go', () => log.head - log.oldest + 1 === 10)
  } finally {
    await close()
  }
})
