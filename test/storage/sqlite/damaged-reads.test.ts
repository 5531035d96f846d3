import { describe, expect, test } from 'bun:test'
import { parseFilter } from '../../../src/core/filter.ts'
import { DATA, damagedLog, readBack, readThrough, type Stretch, stretchOf } from '../../support/damaged-log.ts'
import { draftOf } from '../../support/draft.ts'
import type { LogPages } from '../../support/log-pages.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { rejection } from '../../support/settled.ts'

const all = parseFilter([], [])
const COUNT = 3_000

/** Two topics that are most of it, thirty rare ones, and a rare type: each is read in another way. */
const topicOf = (offset: number) => (offset % 50 === 0 ? `rare/${(offset / 50) % 30}` : offset % 3 === 0 ? 'b' : 'a')
const typeOf = (offset: number) => (offset % 40 === 0 ? 'seldom.x' : 'message')
const mixed = (offset: number) => draftOf(topicOf(offset), DATA, { type: typeOf(offset) })
const ofOneTopic = (offset: number) => draftOf('a', `"${offset}"`)

const kinds: [string, ReturnType<typeof parseFilter>, (offset: number) => boolean][] = [
  ['everything', all, () => true],
  ['a topic', parseFilter(['a'], []), (offset) => topicOf(offset) === 'a'],
  ['some topics', parseFilter(['a', 'b'], []), (offset) => !topicOf(offset).startsWith('rare')],
  ['a pattern of many topics', parseFilter(['rare/**'], []), (offset) => topicOf(offset).startsWith('rare')],
  ['a type', parseFilter([], ['seldom.x']), (offset) => offset % 40 === 0],
  ['types that begin alike', parseFilter([], ['seldom.*']), (offset) => offset % 40 === 0],
  ['a type of a topic', parseFilter(['a'], ['seldom.x']), (offset) => topicOf(offset) === 'a' && offset % 40 === 0],
  ['what never came', parseFilter([], ['none']), () => false],
]

/** Smashes the pages with these numbers among those of the events. */
function smashing(lost: Stretch[], ...numbers: number[]) {
  return (pages: LogPages) => {
    const leaves = pages.leaves('events')
    for (const number of numbers) {
      const leaf = leaves.at(number)!
      lost.push(stretchOf(leaf))
      pages.smash(leaf)
    }
  }
}

function offsetsOutside(lost: readonly Stretch[], is: (offset: number) => boolean = () => true): number[] {
  const offsets = Array.from({ length: COUNT }, (_, index) => index + 1)
  return offsets.filter((offset) => is(offset) && !lost.some(({ from, to }) => offset >= from && offset <= to))
}

describe('a reader that comes by a damaged page gets every whole event, and one gap at most, of the page:', () => {
  for (const [name, filter, is] of kinds) {
    test(name, async () => {
      const lost: Stretch[] = []
      using damaged = await damagedLog({ count: COUNT, draft: mixed }, smashing(lost, 130))
      const { offsets, gaps } = await readThrough(damaged.log, filter)
      expect(offsets).toEqual(offsetsOutside(lost, is))
      const { from, to } = lost[0]!
      expect(gaps).toEqual([[from - 1, to]])
      await damaged.log.close()
    })
  }
})

test('a reader of a topic that has nothing on the damaged page is told of no gap', async () => {
  const lost: Stretch[] = []
  using damaged = await damagedLog({ count: COUNT, draft: mixed }, smashing(lost, 130))
  const topic = topicOf(50)
  const is = (offset: number) => topicOf(offset) === topic
  expect(await readThrough(damaged.log, parseFilter([topic], []))).toEqual({
    offsets: offsetsOutside([], is),
    gaps: [],
  })
  await damaged.log.close()
})

describe('the newest events end at a damaged page, and it is said:', () => {
  for (const [name, filter, is] of kinds) {
    test(name, async () => {
      const lost: Stretch[] = []
      const lines: string[] = []
      const warn = (line: string) => void lines.push(line)
      using damaged = await damagedLog({ count: COUNT, draft: mixed, warn }, smashing(lost, 130))
      const { offsets, damaged: ended } = await readBack(damaged.log, filter)
      const { from, to } = lost[0]!
      expect(offsets).toEqual(offsetsOutside([{ from: 1, to }], is))
      expect(ended).toBe(true)
      expect(lines).toEqual([
        `The event log is damaged: what lies at the offsets ${from} to ${to} cannot be read. Restore a backup, or export what is whole.`,
      ])
      await damaged.log.close()
    })
  }
})

test('a damaged page of the index of topics costs no event: all are found without it, and the operator is told', async () => {
  const lines: string[] = []
  using damaged = await damagedLog({ count: COUNT, draft: mixed, warn: (line) => void lines.push(line) }, (pages) => {
    const leaves = pages.leaves('events_by_topic')
    expect(leaves.length).toBeGreaterThan(2)
    for (const leaf of leaves) pages.smash(leaf)
  })
  for (const [, filter, is] of kinds) {
    const offsets = offsetsOutside([], is)
    expect(await readThrough(damaged.log, filter)).toEqual({ offsets, gaps: [] })
    expect(await readBack(damaged.log, filter)).toEqual({ offsets, damaged: false })
  }
  expect(lines).toEqual([expect.stringMatching(/^An index of the event log is damaged: no event is missing/)])
  await damaged.log.close()
})

test('what is whole between two damaged pages is not called lost', async () => {
  const lost: Stretch[] = []
  using damaged = await damagedLog({ count: COUNT, draft: mixed }, smashing(lost, 100, 101, 102, 104))
  const [a, , c, d] = lost
  expect(await readThrough(damaged.log, all)).toEqual({
    offsets: offsetsOutside(lost),
    gaps: [
      [a!.from - 1, c!.to],
      [d!.from - 1, d!.to],
    ],
  })
  await damaged.log.close()
})

test('damage of thousands of events is stepped over whole, as is what comes right before the newest event', async () => {
  const lost: Stretch[] = []
  const numbers = Array.from({ length: 120 }, (_, index) => 20 + index)
  using damaged = await damagedLog({ count: COUNT, draft: mixed }, smashing(lost, ...numbers, -2))
  const last = lost.pop()!
  const gaps: [number, number][] = [
    [lost[0]!.from - 1, lost.at(-1)!.to],
    [last.from - 1, last.to],
  ]
  expect(lost.at(-1)!.to - lost[0]!.from).toBeGreaterThan(1_500)
  expect(await readThrough(damaged.log, all)).toEqual({ offsets: offsetsOutside([...lost, last]), gaps })
  await damaged.log.close()
})

test('an event whose topic is none of the log is a damaged one, from whichever side it is met', async () => {
  const lines: string[] = []
  const warn = (line: string) => void lines.push(line)
  using damaged = await damagedLog({ count: COUNT, draft: ofOneTopic, warn }, (pages) => pages.flipTopic(2_000))
  const offsets = offsetsOutside([{ from: 2_000, to: 2_000 }])
  expect(await readThrough(damaged.log, all)).toEqual({ offsets, gaps: [[1_999, 2_000]] })
  expect(await readThrough(damaged.log, parseFilter(['**'], ['message']))).toEqual({ offsets, gaps: [[1_999, 2_000]] })
  expect(await readBack(damaged.log, all)).toEqual({ offsets: offsets.slice(1_999), damaged: true })
  expect(await rejection(damaged.log.at(2_000))).toMatchObject({ code: 'log-corrupt' })
  expect(lines).toEqual([expect.stringContaining('at the offsets 2000 to 2000 cannot be read')])
  await damaged.log.close()
})

test('an offset that is far behind where it stands ends no reading without a word', async () => {
  const lost: Stretch[] = []
  using damaged = await damagedLog({ count: COUNT, draft: mixed }, (pages) => {
    lost.push(stretchOf(pages.leaves('events').find(({ rows }) => rows.at(-1)!.key >= 1_500)!))
    pages.flipKey(1_500)
  })
  const { from, to } = lost[0]!
  for (const [, filter, is] of kinds.filter(([name]) => ['everything', 'a pattern of many topics'].includes(name))) {
    const { offsets, gaps } = await readThrough(damaged.log, filter)
    expect(gaps.some(([after, lostUpTo]) => after >= from - 1 && after < 1_500 && lostUpTo >= 1_500)).toBe(true)
    const outside = (offset: number) => offset < from || offset > to
    expect(offsets.filter(outside)).toEqual(offsetsOutside(lost, is))
    expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b))
  }
  await damaged.log.close()
})

test('a place in time is found beside damaged pages; of a time on one it is the place before that page', async () => {
  const clock = new ManualClock()
  const began = clock.now()
  const lost: Stretch[] = []
  const pass = () => clock.pass(1_000)
  // What halving looks at first, and some around it.
  const smash = smashing(lost, 1, 99, 100, 101, 150)
  using damaged = await damagedLog({ count: COUNT, draft: mixed, clock, batched: pass }, smash)
  for (let second = 0; second < COUNT / 100; second++) {
    const first = second * 100 + 1
    const place = await damaged.log.seek(began + second * 1_000)
    const on = lost.filter(({ from, to }) => first >= from && first <= to)
    if (on.length === 0) expect(place).toBe(first - 1)
    else expect(place).toBeWithin(0, first)
    expect((await damaged.log.read(place, all, { events: 1, bytes: 1 })).lostUpTo > 0).toBe(on.length > 0)
  }
  expect(await damaged.log.seek(began + 1_000_000)).toBe(COUNT)
  await damaged.log.close()
})
