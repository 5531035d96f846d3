import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { EventLog } from '../../../src/core/event-log.ts'
import { parseFilter } from '../../../src/core/filter.ts'
import { openLog } from '../../../src/storage/open.ts'
import { draft } from '../../support/hub.ts'
import { logOptions } from '../../support/log-options.ts'
import { tempDir } from '../../support/temp-dir.ts'

/** At, before and after the edges of the 8,192 offsets that one look covers, going up from 0 and down from the end. */
const RARE = [1, 2, 3_616, 3_617, 3_618, 8_191, 8_192, 8_193, 11_808, 11_809, 16_384, 16_385, 19_999, 20_000]
const EVENTS = 20_000

const directory = tempDir()
let log: EventLog

beforeAll(async () => {
  log = await openLog(logOptions({ directory: directory.path, durability: 'normal' }))
  for (let from = 1; from <= EVENTS; from += 1000) {
    await log.append(
      Array.from({ length: 1000 }, (_, index) => {
        const offset = from + index
        // More topics than a pattern is read by.
        return draft(`${offset % 2 ? 'odd' : 'even'}/${offset % 40}`, 'x', {
          type: RARE.includes(offset) ? 'rare' : 'usual',
        })
      }),
    )
  }
})
afterAll(async () => {
  await log.close()
  directory[Symbol.dispose]()
})

const limits = [
  { events: 1, bytes: 1 << 20 },
  { events: 3, bytes: 1 << 20 },
  { events: 1000, bytes: 1 },
  { events: 1000, bytes: 1 << 20 },
]

describe.each([
  { patterns: ['**'], types: ['rare'], wanted: RARE },
  { patterns: ['**'], types: ['rare', 'never'], wanted: RARE },
  { patterns: ['**'], types: ['rar.*', 'rare'], wanted: RARE },
  { patterns: ['odd/*'], types: ['rare'], wanted: RARE.filter((offset) => offset % 2 === 1) },
  { patterns: ['**'], types: ['never'], wanted: [] as number[] },
])('a rare type in a long log, $patterns and $types', ({ patterns, types, wanted }) => {
  const filter = parseFilter(patterns, types)

  test.each(limits)('is found once each going up, %j at a time', async (limit) => {
    const found: number[] = []
    for (let position = 0; position < EVENTS; ) {
      const page = await log.read(position, filter, limit)
      expect(page.position).toBeGreaterThan(position)
      found.push(...page.events.map((event) => event.offset))
      position = page.position
    }
    expect(found).toEqual(wanted)
  })

  test.each(limits)('is found once each going down, %j at a time', async (limit) => {
    const found: number[] = []
    for (let before = EVENTS + 1; before > 1; ) {
      const page = await log.readLast(before, filter, limit)
      expect(page.position).toBeLessThan(before)
      found.unshift(...page.events.map((event) => event.offset))
      before = page.position
    }
    expect(found).toEqual(wanted)
  })
})
