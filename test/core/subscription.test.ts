import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { parseCursor } from '../../src/core/cursor.ts'
import type { Delivery } from '../../src/core/delivery.ts'
import type { EventLog, Horizon } from '../../src/core/event-log.ts'
import { filterTopic, parseFilter } from '../../src/core/filter.ts'
import { Hub } from '../../src/core/hub.ts'
import type { Start } from '../../src/core/start.ts'
import { Formats } from '../../src/sse/format.ts'
import { Stream } from '../../src/sse/stream.ts'
import { byLocal } from '../support/by-local.ts'
import { draft, memoryHub, unforeseen } from '../support/hub.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { eventsOf, ready, takeUntil } from '../support/reader.ts'
import { until } from '../support/until.ts'

const everything = parseFilter([], [])

function after(cursor: string): Start {
  return { kind: 'cursor', text: cursor, cursor: parseCursor(cursor) }
}

async function publishMany(hub: Hub, count: number, topic = 'a', size = 10): Promise<void> {
  for (let from = 0; from < count; from += 500) {
    const batch = Array.from({ length: Math.min(500, count - from) }, (_, index) =>
      draft(topic, `${from + index}`.padStart(size, '0')),
    )
    await hub.publish(batch)
  }
}

const offsetsOf = (deliveries: readonly Delivery[]): number[] => eventsOf(deliveries).map((event) => event.offset)

const seen = (count: number) => (taken: readonly Delivery[]) => eventsOf(taken).length >= count

describe('where a stream starts', () => {
  test('a new reader begins at the head and is told so, without a gap', async () => {
    const { hub, log, close } = await memoryHub()
    await publishMany(hub, 5)
    const subscription = hub.subscribe({ ...byLocal, filter: everything, start: undefined })
    expect(subscription.take(1)).toEqual([{ kind: 'open', position: 5, adopt: true }])
    expect(subscription.state).toBe('live')
    await publishMany(hub, 1)
    expect(offsetsOf(await takeUntil(subscription, seen(1)))).toEqual([6])
    expect(log.generations.cursor(5)).toMatch(/\.5$/)
    await close()
  })

  test('a reader that resumes is told its own place, never the head', async () => {
    const { hub, log, close } = await memoryHub()
    await publishMany(hub, 5)
    const subscription = hub.subscribe({ ...byLocal, filter: everything, start: after(log.generations.cursor(2)) })
    const taken = await takeUntil(subscription, seen(3))
    expect(taken[0]).toEqual({ kind: 'open', position: 2, adopt: true })
    expect(offsetsOf(taken)).toEqual([3, 4, 5])
    await close()
  })

  test.each(['zzzzzzzz.3', 'future', 'garbage'])(
    'a %s cursor is an unknown gap that only the gap lets a client adopt',
    async (kind) => {
      const { hub, log, close } = await memoryHub()
      await publishMany(hub, 5)
      const cursor = kind === 'future' ? log.generations.cursor(5).replace(/5$/, '99') : kind
      const taken = hub.subscribe({ ...byLocal, filter: everything, start: after(cursor) }).take(1)
      expect(taken).toEqual([
        { kind: 'open', position: 5, adopt: false },
        { kind: 'gap', requested: cursor, resumedFrom: 5, reason: 'unknown' },
      ])
      await close()
    },
  )

  test('an expired cursor resumes at the oldest kept event and says so first', async () => {
    const { hub, log, close } = await memoryHub({}, { maxEvents: 10 })
    const cursor = log.generations.cursor(0)
    await publishMany(hub, 100)
    await until('retention to work', () => log.oldest === 91)
    const taken = await takeUntil(hub.subscribe({ ...byLocal, filter: everything, start: after(cursor) }), seen(10))
    expect(taken[1]).toEqual({ kind: 'gap', requested: cursor, resumedFrom: 90, reason: 'expired' })
    expect(offsetsOf(taken)).toEqual([91, 92, 93, 94, 95, 96, 97, 98, 99, 100])
    await close()
  })

  test('earliest and last=N are no gap, whatever retention took', async () => {
    const { hub, log, close } = await memoryHub({}, { maxEvents: 10 })
    await publishMany(hub, 100)
    await until('retention to work', () => log.oldest === 91)
    for (const [start, count] of [
      [{ kind: 'earliest' }, 10],
      [{ kind: 'last', count: 3 }, 3],
      [{ kind: 'last', count: 500 }, 10],
    ] as const) {
      const taken = await takeUntil(hub.subscribe({ ...byLocal, filter: everything, start }), seen(count))
      expect(taken.map((delivery) => delivery.kind)).not.toContain('gap')
      expect(offsetsOf(taken)).toEqual(Array.from({ length: count }, (_, index) => 101 - count + index))
    }
    await close()
  })

  test('a time before what retention took is an expired gap', async () => {
    const { hub, log, close } = await memoryHub({}, { maxEvents: 10 })
    await publishMany(hub, 100)
    await until('retention to work', () => log.oldest === 91)
    const subscription = hub.subscribe({
      ...byLocal,
      filter: everything,
      start: { kind: 'time', text: '1h', received: Date.now() - 3_600_000 },
    })
    const taken = await takeUntil(subscription, seen(10))
    expect(taken[1]).toEqual({ kind: 'gap', requested: '1h', resumedFrom: 90, reason: 'expired' })
    await close()
  })
})

describe('a reader that cannot keep up', () => {
  test('drops its queue, reads from the log again, and misses and repeats nothing', async () => {
    const { hub, close } = await memoryHub({ maxQueueBytes: 2_000, tailBytes: 3_000 })
    const subscription = hub.subscribe({ ...byLocal, filter: everything, start: undefined })
    subscription.take(1)
    await publishMany(hub, 1_000)
    expect(subscription.state).toBe('catching-up')
    expect(subscription.queuedBytes).toBe(0)
    const taken = await takeUntil(subscription, seen(1_000), { maxBytes: 500 })
    expect(offsetsOf(taken)).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 1))
    await until('it to be live again', () => subscription.take(1).length === 0 && subscription.state === 'live')
    await close()
  })

  test('stands before the page that it was found and has not taken, when its queue is dropped behind that', async () => {
    const { hub, log, close } = await memoryHub({ maxQueueBytes: 2_000 })
    await publishMany(hub, 10)
    const subscription = hub.subscribe({ ...byLocal, filter: everything, start: after(log.generations.cursor(4)) })
    subscription.take(1)
    expect([subscription.state, subscription.position]).toEqual(['live', 4])
    await publishMany(hub, 100)
    expect([subscription.state, subscription.position]).toEqual(['catching-up', 4])
    subscription.close('max-age')
    expect(offsetsOf(subscription.take(1))).toEqual([])
    expect(subscription.position).toBe(4)
    await close()
  })

  test('is not cut off by one batch larger than its whole queue', async () => {
    const { hub, close } = await memoryHub({ maxQueueBytes: 64 * 1024, tailBytes: 16 * 1024 * 1024 })
    const subscription = hub.subscribe({ ...byLocal, filter: everything, start: undefined })
    subscription.take(1)
    await hub.publish(Array.from({ length: 1_000 }, () => draft('a', 'x'.repeat(8_000))))
    const taken = await takeUntil(subscription, seen(1_000), { maxBytes: 256 * 1024 })
    expect(offsetsOf(taken)).toHaveLength(1_000)
    expect(subscription.closeReason).toBeUndefined()
    await close()
  })

  test('is closed as a slow consumer when it has taken nothing for the stall limit, not before', async () => {
    const clock = new ManualClock()
    const { hub, close } = await memoryHub({ maxStallMs: 5_000 }, {}, clock)
    const subscription = hub.subscribe({ ...byLocal, filter: everything, start: undefined })
    subscription.take(1)
    subscription.sweep(clock.monotonic() + 4_000, 0, () => 0)
    expect(subscription.closeReason).toBeUndefined()
    subscription.sweep(clock.monotonic() + 6_000, 0, () => 0)
    expect(subscription.closeReason).toBe('slow-consumer')
    expect(subscription.take(1)).toMatchObject([{ kind: 'closing', reason: 'slow-consumer', reconnect: true }])
    expect(hub.connections).toBe(0)
    await close()
  })
})

test('what retention takes before it was announced is a gap of its own, and not part of one that was said before', async () => {
  const { log, limits, close } = await memoryHub({}, { maxEvents: 10 })
  const publish = (count: number) => log.append(Array.from({ length: count }, (_, n) => draft('a', `${n}`)))
  await publish(100)
  await until('retention to work', () => log.oldest === 91)
  const early = aheadOf(log, { offset: 110, received: 1 })
  const hub = await Hub.open({
    log: early,
    clock: new ManualClock(),
    limits: { ...limits, tailBytes: 1 },
    report: unforeseen,
  })
  const subscription = hub.subscribe({ ...byLocal, filter: everything, start: after(log.generations.cursor(0)) })
  subscription.take(1)
  await until('a page to wait for it', () => hub.metrics.replayedPages.log === 1)
  await publish(20)
  await until('retention to work', () => log.oldest === 111)
  const taken = await takeUntil(subscription, seen(20))
  expect(taken.filter(({ kind }) => kind === 'gap')).toMatchObject([{ resumedFrom: 90 }, { resumedFrom: 110 }])
  expect(offsetsOf(taken).slice(0, 10)).toEqual([91, 92, 93, 94, 95, 96, 97, 98, 99, 100])
  expect(offsetsOf(taken).slice(10)).toEqual([111, 112, 113, 114, 115, 116, 117, 118, 119, 120])
  hub.close()
  await close()
})

/** The same log, whose reads see what retention is to take before anybody else does, as another thread may. */
function aheadOf(log: EventLog, horizon: Horizon): EventLog {
  return new Proxy(log, {
    get(target, name) {
      if (name === 'read') {
        return async (...asked: Parameters<EventLog['read']>) => ({ ...(await target.read(...asked)), horizon })
      }
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

describe('a reader that is slow but steady', () => {
  test('is not cut off while it takes a large batch piece by piece', async () => {
    const clock = new ManualClock()
    const { hub, close } = await memoryHub({ maxStallMs: 30_000, maxQueueBytes: 4 << 20 }, {}, clock)
    const format = new Formats().get({ kind: 'sse', envelope: false, control: true, heartbeatEvent: false })
    const subscription = hub.subscribe({ ...byLocal, filter: everything, start: undefined })
    const facts = { cursor: hub.cursor }
    const chunks = new Stream(subscription, format, facts, 2_000)
    await chunks.next()
    await hub.publish(Array.from({ length: 10 }, () => draft('a', 'x'.repeat(120_000))))
    for (let piece = 0; piece < 4; piece++) {
      expect((await chunks.next()).value!.byteLength).toBe(256 * 1024)
      clock.pass(12_000)
      await Bun.sleep(0)
      expect(subscription.closeReason).toBeUndefined()
    }
    await Bun.sleep(0)
    clock.pass(31_000)
    expect(subscription.closeReason).toBe('slow-consumer')
    await close()
  })

  test('is not taken for overtaken because another group of topics lost events long ago', async () => {
    const clock = new ManualClock()
    const retention = { topics: [{ pattern: 'chatty/**', maxEvents: 10 }] }
    const { hub, log, close } = await memoryHub({ tailBytes: 1_000 }, retention, clock)
    await publishMany(hub, 3_000, 'rare')
    await publishMany(hub, 100, 'chatty/x')
    await until('retention to work', () => log.horizon(everything).offset > 3_000)
    const subscription = hub.subscribe({ ...byLocal, filter: everything, start: { kind: 'earliest' } })
    const taken = await takeUntil(subscription, seen(1))
    expect(taken.some((delivery) => delivery.kind === 'gap')).toBe(false)
    expect(subscription.state).toBe('catching-up')
    clock.pass(3_000)
    expect(subscription.closeReason).toBeUndefined()
    await close()
  })
})

test('the pages with which readers of many filters caught up are not kept when they are live', async () => {
  const { hub, close } = await memoryHub({ tailBytes: 16 << 20 })
  await hub.publish(Array.from({ length: 100 }, () => draft('global', 'x'.repeat(1_000))))
  const pages: WeakRef<object>[] = []
  for (let index = 0; index < 50; index++) {
    const filter = parseFilter(['global', `user/${index}`], [])
    const subscription = hub.subscribe({ ...byLocal, filter, start: { kind: 'earliest' } })
    const taken = [...subscription.take(1 << 20), ...subscription.take(1 << 20)]
    for (const delivery of taken) if (delivery.kind === 'events') pages.push(new WeakRef(delivery))
    expect(subscription.state).toBe('live')
  }
  expect(pages.length).toBe(50)
  await until('the pages to be collected', () => {
    Bun.gc(true)
    return pages.filter((page) => page.deref()).length < 10
  })
  await close()
})

test('more waiting drafts than the limit, by number alone, refuse a body before it is read', async () => {
  const { hub, close } = await memoryHub({ pendingEvents: 2 })
  hub.admission.admit(8 << 20)
  const publishing = hub.publish([draft('a', '1'), draft('a', '2')])
  await Promise.resolve()
  expect(() => hub.admission.admit(1)).toThrow(expect.objectContaining({ code: 'overloaded', retryAfterMs: 1_000 }))
  await publishing
  hub.admission.admit(1)
  await close()
})

describe('quiet streams', () => {
  test('a heartbeat says how far the log was looked through, although nothing matched', async () => {
    const { hub, close } = await memoryHub()
    const subscription = hub.subscribe({ ...byLocal, filter: parseFilter(['quiet'], []), start: undefined })
    subscription.take(1)
    await publishMany(hub, 20, 'busy')
    void ready(subscription)
    subscription.sweep(performance.now() + 20_000, 20, () => 0)
    expect(subscription.take(1)).toEqual([{ kind: 'heartbeat', position: 20 }])
    await close()
  })

  test('a heartbeat never says more than was delivered while events wait', async () => {
    const { hub, close } = await memoryHub()
    const subscription = hub.subscribe({ ...byLocal, filter: everything, start: undefined })
    subscription.take(1)
    await publishMany(hub, 1)
    void ready(subscription)
    subscription.sweep(performance.now() + 20_000, 1, () => 0)
    expect(subscription.take(1).map((delivery) => delivery.kind)).toEqual(['events'])
    await close()
  })

  test('a stream ends at its maximum age and is told to reconnect', async () => {
    const { hub, close } = await memoryHub({ maxAgeMs: 60_000 })
    const subscription = hub.subscribe({ ...byLocal, filter: everything, start: undefined })
    subscription.take(1)
    void ready(subscription)
    subscription.sweep(performance.now() + 70_000, 0, () => 0)
    expect(subscription.take(1)).toMatchObject([{ kind: 'closing', reason: 'max-age', reconnect: true }])
    expect(subscription.finished).toBe(true)
    await close()
  })
})

test('a reader of many patterns and few matches leaves the event loop its turns while it catches up', async () => {
  const { hub, log, close } = await memoryHub({ tailBytes: 16 << 20 })
  const everyHundredth = Array.from({ length: 5_000 }, (_, n) => draft(`orders/${n}/${n % 100 === 0 ? 'y' : 'x'}`, '1'))
  for (let from = 0; from < 5_000; from += 1_000) await hub.publish(everyHundredth.slice(from, from + 1_000))
  const patterns = Array.from({ length: 64 }, (_, n) => (n === 0 ? '*/*/y' : `*/*/z${n}`))
  const filter = parseFilter(patterns, [])
  const subscription = hub.subscribe({ ...byLocal, filter, start: after(log.generations.cursor(0)) })
  const wanted = Array.from({ length: 50 }, (_, n) => n * 100 + 1)
  const atOnce: Delivery[] = []
  for (let taken = subscription.take(1); taken.length > 0; taken = subscription.take(1)) atOnce.push(...taken)
  expect(offsetsOf(atOnce).length).toBeLessThan(wanted.length / 2)
  const rest = await takeUntil(subscription, seen(wanted.length - offsetsOf(atOnce).length))
  expect(offsetsOf([...atOnce, ...rest])).toEqual(wanted)
  await close()
})

test('what is erased while a reader that catches up waits for its turn is not delivered', async () => {
  const { hub, log, close } = await memoryHub({ tailBytes: 16 << 20 })
  for (let from = 0; from < 10_000; from += 1_000) {
    await hub.publish(Array.from({ length: 1_000 }, (_, n) => draft(from + n === 10 ? 'secret' : 'other', '1')))
  }
  const filter = parseFilter(['secret', 'last'], [])
  const subscription = hub.subscribe({ ...byLocal, filter, start: after(log.generations.cursor(0)) })
  expect(subscription.take(1).map(({ kind }) => kind)).toEqual(['open'])
  await log.erase({ topic: 'secret' })
  await hub.publish([draft('last', 'x')])
  expect(eventsOf(await takeUntil(subscription, seen(1))).map(({ topic }) => topic)).toEqual(['last'])
  await close()
})

test('overlapping patterns and repeated types deliver an event once', async () => {
  const { hub, close } = await memoryHub()
  const filter = parseFilter(['a/b', 'a/*', '**', 'a/**'], ['x.*', 'x.y'])
  const subscription = hub.subscribe({ ...byLocal, filter, start: undefined })
  subscription.take(1)
  await hub.publish([
    draft('a/b', '1', { type: 'x.y' }),
    draft('a/b', '2', { type: 'z' }),
    draft('a/b', '3', { type: 'x.z' }),
  ])
  expect(eventsOf(await takeUntil(subscription, seen(2))).map((event) => event.data)).toEqual(['1', '3'])
  await close()
})

test('a thousand subscriptions that come and go leave nothing behind', async () => {
  const { hub, close } = await memoryHub()
  for (let round = 0; round < 1_000; round++) {
    const subscription = hub.subscribe({
      ...byLocal,
      filter: parseFilter([`t/${round}`, '**'], []),
      start: { kind: 'earliest' },
    })
    subscription.take(1)
    subscription.close('client-gone')
    subscription.close('shutdown')
  }
  expect(hub.connections).toBe(0)
  expect(hub.audiences).toBe(0)
  await close()
})

test('whatever publishing, retention, slow reading and cut connections interleave, readers get a gapless subsequence of the log or a gap', async () => {
  const action = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ publish: fc.integer({ min: 1, max: 40 }), topic: fc.constantFrom('a', 'b', 'b/c') }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ read: fc.integer({ min: 1, max: 6 }), bytes: fc.integer({ min: 1, max: 2_000 }) }),
    },
    { weight: 2, arbitrary: fc.constant({ cut: true }) },
    { weight: 1, arbitrary: fc.constant({ breathe: true }) },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 5, maxLength: 60 }),
      fc.constantFrom('**', 'b/**', 'a'),
      async (actions, pattern) => {
        const { hub, log, close } = await memoryHub({ maxQueueBytes: 600, tailBytes: 800 }, { maxEvents: 60 })
        const filter = parseFilter([pattern], [])
        const published: number[] = []
        const stop = log.onCommit(({ events }) => {
          for (const event of events) if (filterTopic(filter, event.topic)) published.push(event.offset)
        })
        let subscription = hub.subscribe({ ...byLocal, filter, start: undefined })
        let position = 0
        const account = (delivery: Delivery): void => {
          if (delivery.kind === 'open') expect(delivery.position).toBe(position)
          if (delivery.kind === 'gap') {
            expect(delivery.reason).toBe('expired')
            expect(delivery.resumedFrom).toBeGreaterThanOrEqual(position)
            position = delivery.resumedFrom
          }
          if (delivery.kind !== 'events') return
          for (const { offset } of delivery.events) {
            expect(published.filter((other) => other > position && other < offset)).toEqual([])
            expect(offset).toBeGreaterThan(position)
            position = offset
          }
        }
        const read = async (times: number, bytes: number): Promise<void> => {
          for (let time = 0; time < times; time++) {
            subscription.take(bytes).forEach(account)
            await Promise.race([ready(subscription), new Promise((resolve) => setImmediate(resolve))])
          }
        }
        for (const step of actions) {
          if ('publish' in step)
            void hub.publish(Array.from({ length: step.publish }, () => draft(step.topic, 'x'.repeat(20))))
          if ('read' in step) await read(step.read, step.bytes)
          if ('breathe' in step) await Bun.sleep(1)
          if ('cut' in step) {
            subscription.close('client-gone')
            subscription = hub.subscribe({ ...byLocal, filter, start: after(log.generations.cursor(position)) })
          }
        }
        await until('everything to arrive', async () => {
          await read(1, 10_000)
          return log.pressure.events === 0 && position >= (published.at(-1) ?? 0)
        })
        stop()
        await close()
      },
    ),
    { numRuns: 150 },
  )
}, 60_000)
