import { expect, test } from 'bun:test'
import { HubError } from '../../src/core/errors.ts'
import { parseFilter } from '../../src/core/filter.ts'
import { Hub } from '../../src/core/hub.ts'
import type { Subscription } from '../../src/core/subscription.ts'
import { systemClock } from '../../src/daemon/clock.ts'
import { byLocal } from '../support/by-local.ts'
import { draft, memoryHub, testLimits, unforeseen } from '../support/hub.ts'
import { eventsOf, takeUntil } from '../support/reader.ts'
import { rejection } from '../support/settled.ts'

const offsets = async (subscription: Subscription, count: number): Promise<number[]> =>
  eventsOf(await takeUntil(subscription, (taken) => eventsOf(taken).length >= count)).map((event) => event.offset)

test('a pass over thousands of readers lets others have the event loop in between, and nobody misses or repeats', async () => {
  const { hub, log, close } = await memoryHub({ connections: 10_000 })
  const everything = parseFilter([], [])
  const readers = Array.from({ length: 2_500 }, () =>
    hub.subscribe({ ...byLocal, filter: everything, start: undefined }),
  )
  for (const reader of readers) reader.take(1)
  // Joins at every chance in the pauses of the pass: it has the commit from the tail and must not get it again.
  const joined: Subscription[] = []
  let running = true
  const join = (): void => {
    if (!running) return
    joined.push(hub.subscribe({ ...byLocal, filter: everything, start: { kind: 'earliest' } }))
    setImmediate(join)
  }
  let told = false
  log.onCommit(() => {
    told = true
    join()
  })
  await hub.publish([draft('a', '1')])
  expect(told).toBe(true)
  expect(joined.length).toBeGreaterThan(1)
  await hub.publish([draft('a', '2'), draft('b', '3')])
  running = false
  for (const reader of [...readers, ...joined]) expect(await offsets(reader, 3)).toEqual([1, 2, 3])
  await close()
})

test('a commit costs nothing for readers that it does not match', async () => {
  const { hub, close } = await memoryHub({ connections: 10_000 })
  const readers = Array.from({ length: 3_000 }, (_, index) =>
    hub.subscribe({ ...byLocal, filter: parseFilter([`user/${index}/**`], []), start: undefined }),
  )
  for (const reader of readers) reader.take(1)
  await hub.publish([draft('user/7/inbox', 'x')])
  expect(readers.map((reader) => reader.queuedBytes > 0)).toEqual(readers.map((_, index) => index === 7))
  await close()
})

test('readers with one filter, however it was written, share one audience and the bytes of a commit', async () => {
  const { hub, close } = await memoryHub()
  const first = hub.subscribe({ ...byLocal, filter: parseFilter(['b', 'a', 'a'], ['y', 'x']), start: undefined })
  const second = hub.subscribe({ ...byLocal, filter: parseFilter(['a', 'b'], ['x', 'y']), start: undefined })
  expect(hub.audiences).toBe(1)
  for (const reader of [first, second]) reader.take(1)
  await hub.publish([draft('a', '1', { type: 'x' })])
  expect(first.take(1)[0]).toBe(second.take(1)[0])
  await close()
})

test('a failed log tells every stream and refuses publishes and streams', async () => {
  const { log, close } = await memoryHub()
  let fail: (error: HubError) => void = () => {}
  const failing = new Proxy(log, {
    get(target, name) {
      if (name === 'onFailure') {
        return (listener: typeof fail) => {
          fail = listener
          return () => {}
        }
      }
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const hub = await Hub.open({ log: failing, clock: systemClock, limits: testLimits, report: unforeseen })
  const subscription = hub.subscribe({ ...byLocal, filter: parseFilter([], []), start: undefined })
  subscription.take(1)
  fail(new HubError('log-failed', 'The disk is gone.'))
  expect(subscription.closeReason).toBe('log-failed')
  expect(hub.admission.refusal(byLocal)).toBe('log-failed')
  expect(hub.admission.ready).toBe(false)
  expect(await rejection(hub.publish([draft('a', '1')]))).toMatchObject({ code: 'log-failed' })
  hub.close()
  await close()
})
