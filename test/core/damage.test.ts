import { describe, expect, test } from 'bun:test'
import { parseCursor } from '../../src/core/cursor.ts'
import type { Delivery } from '../../src/core/delivery.ts'
import type { EventLog } from '../../src/core/event-log.ts'
import { type Filter, parseFilter } from '../../src/core/filter.ts'
import { readHistory } from '../../src/core/history.ts'
import { Hub } from '../../src/core/hub.ts'
import type { Start } from '../../src/core/start.ts'
import { byLocal } from '../support/by-local.ts'
import { DATA, damagedLog, type Stretch, stretchOf } from '../support/damaged-log.ts'
import { draftOf } from '../support/draft.ts'
import { testLimits, unforeseen } from '../support/hub.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { anyRoom } from '../support/page-room.ts'
import { eventsOf, takeUntil } from '../support/reader.ts'

const all = parseFilter([], [])
const orders = parseFilter(['orders'], [])
const COUNT = 3_000
const isChat = (offset: number) => offset % 20 === 0

/** Most of it is kept; of `chat`, which is everywhere, the newest ten: what was taken of it lies far behind the damage. */
async function damagedBelowHorizon() {
  let lost: Stretch | undefined
  const damaged = await damagedLog(
    {
      count: COUNT,
      draft: (offset) => draftOf(isChat(offset) ? 'chat' : 'orders', DATA),
      retention: { topics: [{ pattern: 'chat', maxEvents: 10 }] },
    },
    (pages) => {
      const leaf = pages.leaves('events')[10]!
      lost = stretchOf(leaf)
      pages.smash(leaf)
    },
  )
  expect(damaged.log.horizon(all).offset).toBeGreaterThan(lost!.to)
  return { ...damaged, lost: lost!, [Symbol.dispose]: () => damaged[Symbol.dispose]() }
}

async function hubOver(log: EventLog): Promise<Hub> {
  return Hub.open({ log, clock: new ManualClock(), limits: testLimits, report: unforeseen })
}

async function allTaken(hub: Hub, filter: Filter, start: Start): Promise<readonly Delivery[]> {
  const last = filter === all ? COUNT : COUNT - 1
  const reader = hub.subscribe({ ...byLocal, filter, start })
  const taken = await takeUntil(reader, (seen) => eventsOf(seen).at(-1)?.offset === last)
  reader.close('done')
  return taken
}

function gapsOf(taken: readonly Delivery[]): number[] {
  return taken.flatMap((delivery) => (delivery.kind === 'gap' ? [delivery.resumedFrom] : []))
}

const offsetsOf = (taken: readonly Delivery[]) => eventsOf(taken).map(({ offset }) => offset)
const isOrder = (offset: number) => !isChat(offset)

function ordersWithout({ from, to }: Stretch, after = 0): number[] {
  const offsets = Array.from({ length: COUNT - after }, (_, index) => after + index + 1)
  return offsets.filter((offset) => isOrder(offset) && (offset < from || offset > to))
}

function startAfter(log: EventLog, offset: number): Start {
  const text = log.generations.cursor(offset)
  return { kind: 'cursor', text, cursor: parseCursor(text) }
}

describe('who was told of what retention took above a damaged page is told of the page as well:', () => {
  for (const [name, filter] of [
    ['a reader of everything', all],
    ['a reader of a topic', orders],
    ['a reader of a pattern', parseFilter(['orders/**'], [])],
  ] as const) {
    test(name, async () => {
      using damaged = await damagedBelowHorizon()
      const { log, lost } = damaged
      const hub = await hubOver(log)
      const earliest = await allTaken(hub, filter, { kind: 'earliest' })
      expect(gapsOf(earliest)).toEqual([lost.to])
      expect(offsetsOf(earliest).filter(isOrder)).toEqual(ordersWithout(lost))
      const resumed = await allTaken(hub, filter, startAfter(log, 101))
      // Retention took what is of everything, and nothing of orders.
      expect(gapsOf(resumed)).toEqual(filter === all ? [101, lost.to] : [lost.to])
      expect(offsetsOf(resumed).filter(isOrder)).toEqual(ordersWithout(lost, 101))
      hub.close()
      await log.close()
    })
  }

  test('a page of history', async () => {
    using damaged = await damagedBelowHorizon()
    const { log, lost } = damaged
    for (const filter of [all, orders]) {
      const start: Start = { kind: 'earliest' }
      const page = await readHistory(log, { filter, start, limit: 300 }, anyRoom)
      expect(page.truncated).toBe(true)
      const found = page.events.map(({ offset }) => offset).filter(isOrder)
      expect(found).toEqual(ordersWithout(lost).slice(0, found.length))
      expect(found.at(-1)).toBeGreaterThan(lost.to)
      const before = await readHistory(log, { filter, start, limit: 100 }, anyRoom)
      expect(before.truncated).toBe(false)
      const behind = startAfter(log, lost.to)
      if (filter === all) continue
      expect((await readHistory(log, { filter, start: behind, limit: 100 }, anyRoom)).truncated).toBe(false)
    }
    await log.close()
  })
})

test('the newest page of history ends at a damaged page and is truncated, when it reaches that far', async () => {
  using damaged = await damagedBelowHorizon()
  const { log, lost } = damaged
  const behind = ordersWithout({ from: 1, to: lost.to })
  const newest = (limit: number) => readHistory(log, { filter: orders, start: undefined, limit }, anyRoom)
  const shorter = await newest(1_000)
  expect([shorter.truncated, shorter.events.length]).toEqual([false, 1_000])
  const longer = await newest(3_000)
  expect(longer.truncated).toBe(true)
  expect(longer.events.map(({ offset }) => offset)).toEqual(behind)
  await log.close()
})

test('who asks for more of the newest events than there are above a damaged page gets those, after a gap', async () => {
  using damaged = await damagedBelowHorizon()
  const { log, lost } = damaged
  const hub = await hubOver(log)
  const taken = await allTaken(hub, orders, { kind: 'last', count: 3_000 })
  expect(taken[0]).toMatchObject({ kind: 'open', adopt: false })
  expect(taken[1]).toMatchObject({ kind: 'gap', requested: 'last=3000', reason: 'expired' })
  expect(offsetsOf(taken)).toEqual(ordersWithout({ from: 1, to: lost.to }))
  expect(gapsOf(await allTaken(hub, orders, { kind: 'last', count: 100 }))).toEqual([])
  hub.close()
  await log.close()
})

test('a gap of retention and one of damage that come together are one', async () => {
  using damaged = await damagedBelowHorizon()
  const { log, lost } = damaged
  const hub = await hubOver(log)
  const taken = await allTaken(hub, all, startAfter(log, lost.from - 1))
  expect(gapsOf(taken)).toEqual([lost.to])
  hub.close()
  await log.close()
})

test('a hub starts over a log in which one of the newest events has lost its topic, and readers get the others', async () => {
  using damaged = await damagedLog({ count: COUNT, draft: () => draftOf('a', DATA) }, (pages) => pages.flipTopic(2_990))
  const hub = await hubOver(damaged.log)
  const taken = await allTaken(hub, all, { kind: 'earliest' })
  expect(gapsOf(taken)).toEqual([2_990])
  expect(offsetsOf(taken).length).toBe(COUNT - 1)
  hub.close()
  await damaged.log.close()
})
