import { afterEach, beforeEach, expect, test } from 'bun:test'
import type { EventLog } from '../../src/core/event-log.ts'
import { parseFilter } from '../../src/core/filter.ts'
import { readHistory } from '../../src/core/history.ts'
import { Hub } from '../../src/core/hub.ts'
import { systemClock } from '../../src/daemon/clock.ts'
import { byLocal } from '../support/by-local.ts'
import { draft, memoryHub, testLimits, unforeseen } from '../support/hub.ts'
import { anyRoom } from '../support/page-room.ts'
import { eventsOf, takeUntil } from '../support/reader.ts'

// A log may give fewer events than asked for; a slow disk and large events make it do so.
const A_CALL = 3
const EVENTS = 20
const filter = parseFilter(['a'], [])

let full: Awaited<ReturnType<typeof memoryHub>>
let log: EventLog
beforeEach(async () => {
  full = await memoryHub()
  for (let number = 1; number <= EVENTS; number++) await full.hub.publish([draft('a', `${number}`)])
  log = new Proxy(full.log, {
    get(target, key) {
      if (key === 'readLast') {
        const readLast: EventLog['readLast'] = (before, wanted, limit) =>
          target.readLast(before, wanted, { ...limit, events: Math.min(limit.events, A_CALL) })
        return readLast
      }
      const value = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
})
afterEach(() => full.close())

const newest = (count: number) => Array.from({ length: count }, (_, index) => EVENTS - count + index + 1)

test('the newest page of history has each event once, however many reads it takes', async () => {
  const page = await readHistory(log, { filter, start: undefined, limit: 10 }, anyRoom)
  expect(page.events.map(({ offset }) => offset)).toEqual(newest(10))
})

test('last=10 begins ten events back, however many reads that takes to find', async () => {
  const hub = await Hub.open({ log, clock: systemClock, limits: testLimits, report: unforeseen })
  const reader = hub.subscribe({ ...byLocal, filter, start: { kind: 'last', count: 10 } })
  const taken = await takeUntil(reader, (deliveries) => eventsOf(deliveries).length >= 10)
  expect(eventsOf(taken).map(({ offset }) => offset)).toEqual(newest(10))
  hub.close()
})

test('a hub that starts over a log replays each event once, however many reads filled its memory', async () => {
  const hub = await Hub.open({ log, clock: systemClock, limits: testLimits, report: unforeseen })
  const reader = hub.subscribe({ ...byLocal, filter, start: { kind: 'earliest' } })
  const taken = await takeUntil(reader, (deliveries) => eventsOf(deliveries).length >= EVENTS)
  expect(eventsOf(taken).map(({ offset }) => offset)).toEqual(newest(EVENTS))
  hub.close()
})
