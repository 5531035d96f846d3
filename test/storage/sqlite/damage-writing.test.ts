import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import type { HubError } from '../../../src/core/errors.ts'
import type { Draft } from '../../../src/core/event.ts'
import type { EventLog } from '../../../src/core/event-log.ts'
import { parseFilter } from '../../../src/core/filter.ts'
import { openLog } from '../../../src/storage/open.ts'
import { DATA, damagedFiles, type Stretch, stretchOf } from '../../support/damaged-log.ts'
import { draftOf } from '../../support/draft.ts'
import { type LogChoices, logOptions } from '../../support/log-options.ts'
import type { LogPages } from '../../support/log-pages.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { rejection } from '../../support/settled.ts'
import { until } from '../../support/until.ts'

const all = parseFilter([], [])
const DAY_MS = 86_400_000

interface Damage {
  draft(offset: number): Draft
  harm?(pages: LogPages): void
  retention?: LogChoices['retention']
}

/** The place of the leaf of events that is damaged where nothing else is said: some 15 events lie on one. */
const LEAF = 60

/** A log of 3,000 events that was damaged and opened again. */
async function openDamaged({ draft, harm = (pages) => pages.smash(pages.leaves('events')[LEAF]!), retention }: Damage) {
  const clock = new ManualClock()
  const lines: string[] = []
  const failures: HubError[] = []
  let damaged: Stretch = { from: 0, to: 0 }
  const files = await damagedFiles({ count: 3_000, draft, clock }, (pages) => {
    damaged = stretchOf(pages.leaves('events')[LEAF]!)
    harm(pages)
  })
  const warn = (line: string) => void lines.push(line)
  const log = await openLog(logOptions({ ...files.options, warn, ...(retention && { retention }) }))
  log.onFailure((error) => void failures.push(error))
  return {
    log,
    clock,
    lines,
    failures,
    damaged,
    path: join(files.directory, 'events.db'),
    async [Symbol.asyncDispose]() {
      await log.close()
      files[Symbol.dispose]()
    },
  }
}

async function counts(log: EventLog): Promise<Record<string, number>> {
  const { topics } = await log.topics(all, undefined, 100)
  return Object.fromEntries(topics.map(({ topic, events }) => [topic, events]))
}

/** As the log does every 15 seconds. @returns what it said */
async function retention(log: EventLog & { trim(): Promise<void> }): Promise<string | undefined> {
  return log.trim().then(
    () => undefined,
    (error: HubError) => `${error.code}: ${error.message}`,
  )
}

const named = (offset: number) => draftOf('a', DATA, { id: `id-${offset}` })

test('an event repeated whose first lies on a damaged page is refused alone: what came with it is stored, and the log goes on', async () => {
  await using damage = await openDamaged({ draft: named })
  const { log, damaged, lines, failures } = damage
  const lost = damaged.from + 1
  // Handed over in one turn they are one transaction.
  const before = log.append([draftOf('a', DATA, { id: 'new' }), draftOf('new/topic')])
  const repeated = rejection(log.append([named(lost)]))
  const batch = rejection(log.append([draftOf('a', '"of the batch"'), named(5), named(lost), draftOf('b')]))
  const known = log.append([named(5)])
  const after = log.append([draftOf('a', '"after"')])
  const sentence =
    `The event log is damaged where the topic "a" has its event with the id "id-${lost}", and whether this one is the ` +
    'same cannot be told. Publish it under a new id, or stop the hub and restore a backup.'
  expect(await repeated).toMatchObject({ code: 'log-corrupt', message: sentence, pointer: '/0/id' })
  expect(await batch).toMatchObject({ code: 'log-corrupt', message: sentence, pointer: '/2/id' })
  expect((await before).map(({ offset }) => offset)).toEqual([3_001, 3_002])
  expect(await known).toMatchObject([{ offset: 5, duplicate: true }])
  expect((await after).map(({ offset }) => offset)).toEqual([3_003])
  expect(lines).toEqual([sentence])
  expect(failures).toEqual([])
  expect((await log.append([draftOf('c')]))[0]!.offset).toBe(3_004)
  expect(await counts(log)).toEqual({ a: 3_002, 'new/topic': 1, c: 1 })
})

test('an index of ids that is damaged where an event has to go fails the log', async () => {
  await using damage = await openDamaged({
    draft: named,
    harm: (pages) => pages.smash(pages.leaves('events_by_id')[0]!),
  })
  const { log, failures } = damage
  const error = await rejection(log.append([named(1)]))
  expect(error).toMatchObject({ code: 'log-failed' })
  expect(failures).toEqual([error as HubError])
})

test('retention goes on behind a damaged page for a topic that has nothing on it, and reads are told of no loss it caused', async () => {
  const draft = (offset: number) => draftOf(offset > 2_000 && offset % 2 === 1 ? 'chat' : 'orders', DATA)
  const limits = { topics: [{ pattern: 'chat', maxEvents: 10 }] }
  await using damage = await openDamaged({ draft, retention: limits })
  const { log, lines, failures } = damage
  expect((await counts(log)).chat).toBe(500)
  expect(await retention(log)).toBeUndefined()
  expect(await counts(log)).toEqual({ chat: 10, orders: 2_500 })
  await log.append(Array.from({ length: 50 }, () => draftOf('chat', DATA)))
  expect(await retention(log)).toBeUndefined()
  expect((await counts(log)).chat).toBe(10)
  expect(lines).toEqual([])
  expect(failures).toEqual([])
  expect(log.horizon(parseFilter(['orders'], [])).offset).toBe(0)
})

test('retention stands still before what it has to delete and cannot read, for such rules alone, and says which and where once a day', async () => {
  const topicOf = (offset: number) => {
    if (offset % 3 === 0) return 'audit'
    return offset > 2_000 && offset % 3 === 1 ? 'chat' : 'orders/new'
  }
  const draft = (offset: number) => draftOf(topicOf(offset), DATA)
  const limits = {
    topics: [
      { pattern: 'orders/**', maxEvents: 20 },
      { pattern: 'chat', maxEvents: 10 },
      { pattern: 'audit', maxEvents: 10 },
    ],
  }
  await using damage = await openDamaged({ draft, retention: limits })
  const { log, damaged, lines, failures } = damage
  const said = await retention(log)
  const places = /"orders\/\*\*" from offset (\d+) on, "audit" from offset (\d+) on\. /
  const [, offset, other] = places.exec(said ?? '') ?? []
  expect(said).toBe(
    `log-corrupt: The event log is damaged where the oldest events lie of "orders/**" from offset ${offset} on, ` +
      `"audit" from offset ${other} on. They cannot be deleted, ` +
      'and what came after them is kept too. Stop the hub and restore a backup, or export what is whole.',
  )
  // All before the damage is gone, but for the pages beside it: two that get empty are made one with a third.
  expect(Number(offset)).toBeWithin(damaged.from - 60, damaged.from + 1)
  expect(Number(other)).toBeWithin(damaged.from - 60, damaged.from + 1)
  expect(log.oldest).toBeWithin(Math.min(Number(offset), Number(other)), damaged.from)
  expect((await counts(log)).chat).toBe(10)
  await log.append(Array.from({ length: 50 }, () => draftOf('chat', DATA)))
  // With the first look, and the one that comes then, those of a day.
  const looks = Array.from({ length: 5_758 }, () => retention(log))
  expect(new Set(await Promise.all(looks))).toEqual(new Set([undefined]))
  expect(await retention(log)).toMatch(places)
  expect(await retention(log)).toBeUndefined()
  expect((await counts(log)).chat).toBe(10)
  expect(lines).toEqual([])
  expect(failures).toEqual([])
})

test('events on a damaged page that are not too old stop nothing, until what came after them is too old', async () => {
  const draft = (offset: number) => draftOf(offset <= 900 ? 'kept' : 'a', DATA)
  const limits = { topics: [{ pattern: 'kept', maxAgeMs: 1_000 * DAY_MS }] }
  await using damage = await openDamaged({ draft, retention: limits })
  const { log, clock, damaged } = damage
  expect(damaged.from).toBe(901)
  expect(await retention(log)).toBeUndefined()
  clock.pass(DAY_MS)
  expect(await retention(log)).toBeUndefined()
  clock.pass(1)
  expect(await retention(log)).toMatch(
    /^log-corrupt: .+ of the topics without a rule of their own from offset 901 on\./,
  )
  // It is not tried again for every event.
  await log.append([draftOf('a', DATA)])
  expect(await retention(log)).toBeUndefined()
  expect(await counts(log)).toEqual({ kept: 900, a: 2_101 })
})

test('an event right beside a damaged page is deleted', async () => {
  const draft = (offset: number) => draftOf(offset === 900 || offset > 2_990 ? 'chat' : 'orders', DATA)
  await using damage = await openDamaged({ draft, retention: { topics: [{ pattern: 'chat', maxEvents: 10 }] } })
  const { log, damaged } = damage
  expect(damaged.from).toBe(901)
  expect(await retention(log)).toBeUndefined()
  expect(await log.at(900)).toBeUndefined()
  expect(await counts(log)).toEqual({ chat: 10, orders: 2_989 })
})

test('other limits are applied at once to what stood still', async () => {
  await using damage = await openDamaged({ draft: () => draftOf('a', DATA), retention: { maxEvents: 10 } })
  const { log, lines } = damage
  expect(await retention(log)).toMatch(/^log-corrupt/)
  await log.retain({ maxAgeMs: DAY_MS, maxEvents: 20, maxBytes: 2 ** 30 })
  await until('it to have been said', () => lines.length > 0)
  expect(lines).toEqual([expect.stringMatching(/^Retention did not run: The event log is damaged/)])
})

test('a log whose oldest page is damaged opens, with the oldest event that can be read, and erasing behind it goes on', async () => {
  const draft = (offset: number) => draftOf(offset % 500 === 0 ? 'seldom' : 'a', DATA)
  let first: Stretch | undefined
  const harm = (pages: LogPages) => {
    const [leaf] = pages.leaves('events')
    first = stretchOf(leaf!)
    pages.smash(leaf!)
  }
  await using damage = await openDamaged({ draft, harm })
  const { log, failures } = damage
  expect(first?.from).toBe(1)
  expect(log.oldest).toBe(first!.to + 1)
  expect(await log.erase({ topic: 'seldom' })).toBe(6)
  expect(log.oldest).toBe(first!.to + 1)
  expect(failures).toEqual([])
})

test('an event whose topic a flipped bit took ends no log: retention stops for who has it, and goes on behind it for others', async () => {
  const draft = (offset: number) => draftOf(offset > 1_000 && offset % 2 === 1 ? 'chat' : 'orders', DATA)
  const limits = { maxEvents: 100, topics: [{ pattern: 'chat', maxEvents: 10 }] }
  const harm = (pages: LogPages) => pages.flipTopic(905)
  await using damage = await openDamaged({ draft, harm, retention: limits })
  const { log, failures } = damage
  expect(await retention(log)).toMatch(
    /^log-corrupt: .+ of the topics without a rule of their own from offset 905 on\./,
  )
  expect(await counts(log)).toMatchObject({ chat: 10 })
  expect(failures).toEqual([])
})

test('SQLite deletes no range that touches a page it cannot read', async () => {
  await using damage = await openDamaged({ draft: () => draftOf('a', DATA) })
  const { log, damaged, path } = damage
  await log.close()
  using database = new Database(path)
  const { from, to } = damaged
  for (const range of [
    [from - 20, to + 20],
    [from, to],
    [to, to + 1],
    [from + 1, from + 1],
    [from - 1, from - 1],
  ]) {
    const remove = () => database.run('DELETE FROM events WHERE offset BETWEEN ? AND ?', range)
    expect(remove).toThrow('database disk image is malformed')
  }
})
