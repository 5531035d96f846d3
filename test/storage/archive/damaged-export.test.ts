import { describe, expect, test } from 'bun:test'
import { parseFilter } from '../../../src/core/filter.ts'
import { exportEvents } from '../../../src/storage/archive.ts'
import { DATA, type DamagedLogChoices, damagedFiles, type Stretch, stretchOf } from '../../support/damaged-log.ts'
import { draftOf } from '../../support/draft.ts'
import type { LogPages } from '../../support/log-pages.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const all = parseFilter([], [])
const COUNT = 2_000
const choices: DamagedLogChoices = { count: COUNT, draft: (offset) => draftOf(offset % 2 ? 'a' : 'b', DATA) }

/** What is printed, and the sentence that comes after it. */
function exported(directory: string, filter = all, since?: { time: number }): { offsets: number[]; error: unknown } {
  const offsets: number[] = []
  try {
    for (const events of exportEvents({ directory, filter, since, until: undefined })) {
      offsets.push(...events.map(({ offset }) => offset))
    }
    return { offsets, error: undefined }
  } catch (error) {
    return { offsets, error }
  }
}

function wholeOf({ from, to }: Stretch): number[] {
  return Array.from({ length: COUNT }, (_, index) => index + 1).filter((offset) => offset < from || offset > to)
}

const missing = { code: 'log-corrupt', message: expect.stringContaining('What is whole was all printed') }

describe('an export prints what is whole, of everything and of a topic, and ends with the sentence that it is not all:', () => {
  for (const [name, number] of [
    ['the first page', 0],
    ['a page in the middle', 60],
    ['the last page', -1],
  ] as const) {
    test(`${name} is damaged`, async () => {
      let lost: Stretch = { from: 0, to: 0 }
      using damaged = await damagedFiles(choices, (pages: LogPages) => {
        const leaf = pages.leaves('events').at(number)!
        lost = stretchOf(leaf)
        pages.smash(leaf)
      })
      expect(lost.to).toBeGreaterThan(0)
      expect(exported(damaged.directory)).toEqual({ offsets: wholeOf(lost), error: expect.objectContaining(missing) })
      expect(exported(damaged.directory, parseFilter(['a'], []))).toEqual({
        offsets: wholeOf(lost).filter((offset) => offset % 2 === 1),
        error: expect.objectContaining(missing),
      })
    })
  }
})

test('an export since a time begins there, whichever page is damaged', async () => {
  const clock = new ManualClock()
  const began = clock.now()
  let lost: Stretch = { from: 0, to: 0 }
  using damaged = await damagedFiles({ ...choices, clock, batched: () => clock.pass(1_000) }, (pages) => {
    // What halving looks at first.
    const leaf = pages.leaves('events').find(({ rows }) => rows.at(-1)!.key >= COUNT / 2)!
    lost = stretchOf(leaf)
    pages.smash(leaf)
  })
  const since = (seconds: number) => exported(damaged.directory, all, { time: began + seconds * 1_000 })
  expect(since(5)).toMatchObject({ offsets: wholeOf(lost).slice(500), error: missing })
  expect(since(15)).toEqual({ offsets: wholeOf(lost).slice(1_500 - COUNT), error: undefined })
})

test('an export of a log with a damaged index is whole and ends as one', async () => {
  using damaged = await damagedFiles(choices, (pages) => {
    for (const leaf of pages.leaves('events_by_topic')) pages.smash(leaf)
  })
  const { offsets, error } = exported(damaged.directory, parseFilter(['b'], []))
  expect([offsets.length, error]).toEqual([COUNT / 2, undefined])
})
