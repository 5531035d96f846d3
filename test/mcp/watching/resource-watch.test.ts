import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { HubError } from '../../../src/core/errors.ts'
import { parseGrants } from '../../../src/core/grants.ts'
import type { Principal } from '../../../src/core/principal.ts'
import { draftOf } from '../../support/draft.ts'
import { until } from '../../support/until.ts'
import { eventsOf, topicsOf, type WatchedHub, watchedHub } from '../../support/watched-hub.ts'

let served: WatchedHub
beforeEach(async () => {
  served = await watchedHub()
})
afterEach(async () => {
  expect(served.reports).toEqual([])
  await served.close()
})

const publish = (...topics: string[]) => served.hub.publish(topics.map((topic) => draftOf(topic)))

function principal(subscribe: string[], more: Partial<Principal> = {}, types: string[] = []): Principal {
  const id = `key:${subscribe.join()}`
  const grants = parseGrants({ subscribe, types })
  return { id, grants, expires: undefined, credential: id, limited: true, ...more }
}

function refusedWith(run: () => void): HubError {
  try {
    run()
  } catch (error) {
    return error as HubError
  }
  throw new Error('it was not refused')
}

describe('a watch', () => {
  test('tells the URIs whose filter matches, and no others', async () => {
    const { watch, told } = served.watch()
    watch.add('a', eventsOf('orders/1'))
    watch.add('b', eventsOf('orders/*'))
    watch.add('c', eventsOf('other'))
    await publish('orders/1')
    expect(told).toEqual(['a', 'b'])
  })

  test('tells a quiet URI at once, then at most once a second, and the last change always', async () => {
    const { watch, told } = served.watch()
    watch.add('a', eventsOf('a'))
    const counts: number[] = []
    for (let tenth = 0; tenth < 30; tenth++) {
      await publish('a', 'a')
      counts.push(told.length)
      await served.pass(100)
    }
    expect(counts[0]).toBe(1)
    expect(counts[9]).toBe(1)
    expect(told.length).toBe(3)
    await served.pass(1200)
    expect(told.length).toBe(4)
    await served.pass(10_000)
    expect(told.length).toBe(4)
    await publish('a')
    expect(told.length).toBe(5)
  })

  test('keeps what nobody was there for, and tells it once when asked to', async () => {
    const { watch, told, seen } = served.watch()
    watch.add('a', eventsOf('a'))
    watch.add('b', eventsOf('b'))
    seen.present = false
    for (let count = 0; count < 5; count++) {
      await publish('a')
      await served.pass(2000)
    }
    seen.present = true
    watch.retell()
    watch.retell()
    expect(told).toEqual(['a'])
  })

  test('says nothing of what was published before a URI was added, or after it was removed', async () => {
    const { watch, told } = served.watch()
    watch.add('a', eventsOf('a'))
    await publish('b', 'a', 'b')
    await publish('b')
    watch.add('b', eventsOf('b'))
    await served.pass(3000)
    expect(told).toEqual(['a'])
    watch.remove('a')
    await publish('a', 'b')
    await served.pass(3000)
    expect(told).toEqual(['a', 'b'])
  })

  test('matches each URI by its own types, also when they differ', async () => {
    const { watch, told } = served.watch()
    watch.add('paid', eventsOf('orders/*', undefined, ['order.paid']))
    watch.add('notes', eventsOf('notes', undefined, ['note']))
    await served.hub.publish([
      draftOf('orders/1', '1', { type: 'note' }),
      draftOf('notes', '1', { type: 'order.paid' }),
    ])
    expect(told).toEqual([])
    await served.hub.publish([draftOf('orders/1', '1', { type: 'order.paid' })])
    expect(told).toEqual(['paid'])
  })

  test('has one place among the connections, whatever it watches, and gives it back', async () => {
    const { watch } = served.watch()
    expect(served.hub.connections).toBe(0)
    watch.add('a', eventsOf('a'))
    watch.add('b', eventsOf('b'))
    watch.add('new', topicsOf())
    expect(served.hub.connections).toBe(1)
    watch.remove('a')
    watch.remove('b')
    expect(served.hub.connections).toBe(1)
    watch.remove('new')
    expect(served.hub.connections).toBe(0)
    expect(served.watching.size).toBe(0)
    watch.add('a', eventsOf('a'))
    watch.close()
    expect([served.hub.connections, served.hub.audiences, served.watching.size]).toEqual([0, 0, 0])
  })

  test('of 65 URIs is refused the last, and says what to do instead', () => {
    const { watch } = served.watch()
    for (let count = 0; count < 64; count++) watch.add(`u${count}`, eventsOf(`t/${count}`))
    const refusal = refusedWith(() => watch.add('one more', eventsOf('t/64')))
    expect(refusal.code).toBe('invalid-arguments')
    expect(refusal.message).toContain('events://topics/orders/**')
    expect(watch.uris.length).toBe(64)
    watch.add('u3', eventsOf('t/3'))
  })

  test('of more patterns than a stream may have is refused, and keeps what it had', async () => {
    const grants = parseGrants({ subscribe: Array.from({ length: 100 }, (_, index) => `g${index}/**`) })
    const { watch, told } = served.watch()
    watch.add('a', eventsOf('**', grants))
    watch.add('b', topicsOf('**', grants))
    const more = eventsOf('**', parseGrants({ subscribe: Array.from({ length: 57 }, (_, index) => `h${index}/**`) }))
    expect(refusedWith(() => watch.add('c', more)).code).toBe('invalid-arguments')
    expect(watch.uris).toEqual(['a', 'b'])
    await publish('g7/x')
    expect(told).toContain('a')
  })

  test('is refused where there is no place, and says when to come again', () => {
    const limited = principal(['**'])
    const watches = Array.from({ length: 100 }, () => served.watch(limited).watch)
    for (const watch of watches) watch.add('a', eventsOf('a'))
    const refusal = refusedWith(() => served.watch(limited).watch.add('a', eventsOf('a')))
    expect(refusal.code).toBe('overloaded')
    expect(refusal.retryAfterMs).toBeGreaterThan(0)
    // One that has its place goes on.
    watches[0]!.add('b', eventsOf('b'))
    served.hub.admission.refuseNew()
    expect(refusedWith(() => served.watch().watch.add('a', eventsOf('a'))).code).toBe('draining')
  })

  test('of two principals sees only what each may read', async () => {
    const alice = principal(['alice/**'])
    const bob = principal(['bob/**'])
    const a = served.watch(alice)
    const b = served.watch(bob)
    a.watch.add('all', eventsOf('**', alice.grants))
    b.watch.add('all', eventsOf('**', bob.grants))
    a.watch.add('new', topicsOf('**', alice.grants))
    b.watch.add('new', topicsOf('**', bob.grants))
    await publish('alice/1')
    await served.pass(400)
    expect(a.told.toSorted()).toEqual(['all', 'new'])
    expect(b.told).toEqual([])
  })
})

test('a thousand events look at none of the patterns that they do not match, however many and deep those are', async () => {
  // All in one fan-out: with less room the log is read, which does look at patterns.
  const { hub, watch, close } = await watchedHub({ maxQueueBytes: 10_000_000 })
  const send = (...ends: (string | number)[]) =>
    hub.publish(ends.map((end) => draftOf(`tenant/${'b/'.repeat(60)}${end}`)))
  let looks = 0
  const deep = Array.from({ length: 62 }, (_, index) => {
    const watched = eventsOf(`tenant/${'*/'.repeat(60)}z${index}`)
    const patterns = watched.filter.patterns.map((pattern) => ({
      ...pattern,
      get segments() {
        looks++
        return pattern.segments
      },
    }))
    return [`deep ${index}`, { ...watched, filter: { ...watched.filter, patterns } }] as const
  })
  const uris = new Map([['all', eventsOf('tenant/**')], ...deep])
  const watches = Array.from({ length: 90 }, () => {
    const one = watch()
    one.watch.addAll(uris)
    return one
  })
  looks = 0
  await send(...Array.from({ length: 1000 }, (_, index) => index))
  for (const { told } of watches) expect(told).toEqual(['all'])
  expect(looks).toBe(0)
  // Those that do match are still told, and no others.
  await send('z7')
  for (const { told } of watches) expect(told).toEqual(['all', 'deep 7'])
  await close()
})

describe('a watch goes on', () => {
  test('over the greatest age of a subscription, and misses nothing published around it', async () => {
    const { watch, told, ended } = served.watch()
    watch.add('a', eventsOf('a'))
    await publish('a')
    let expected = 1
    for (let minute = 0; minute < 120; minute++) {
      await served.pass(30_000)
      const before = told.length
      // In the very turn in which the subscription is made anew.
      const published = publish('a')
      served.clock.pass(30_000)
      await published
      await served.pass(2000)
      expect(told.length).toBeGreaterThan(before)
      expected++
    }
    expect(told.length).toBeGreaterThanOrEqual(expected)
    expect(ended).toEqual([])
    expect(served.hub.connections).toBe(1)
  })

  test('with events that are larger than what may wait for it', async () => {
    const { watch, told } = served.watch()
    watch.add('a', eventsOf('a'))
    watch.add('b', eventsOf('b'))
    await served.hub.publish([draftOf('a', JSON.stringify('x'.repeat(70 * 1024)))])
    await served.pass(2000)
    expect(told).toEqual(['a'])
  })

  test('and tells a URI of what came after it was added, though the same was there before', async () => {
    const { log, hub } = served
    const { watch, told } = served.watch()
    watch.add('*', eventsOf('*'))
    const { read } = log
    const held: (() => void)[] = []
    log.read = async (...args) => {
      await new Promise<void>((resolve) => held.push(resolve))
      return read.apply(log, args)
    }
    // More than the queue and the memory tail hold, so what follows is read from the log, in one page.
    await hub.publish(Array.from({ length: 8 }, () => draftOf('a', JSON.stringify('x'.repeat(70 * 1024)))))
    await hub.publish([draftOf('b')])
    watch.add('b', eventsOf('b'))
    await hub.publish([draftOf('b')])
    log.read = read
    for (const release of held) release()
    await served.pass(3000)
    await until('b to be told', () => told.includes('b'))
  })

  test('and tells every URI when events are gone that it has not seen', async () => {
    const { log, hub, clock } = served
    const { watch, told } = served.watch()
    watch.add('a', eventsOf('a'))
    watch.add('b', eventsOf('b'))
    let release: (() => void) | undefined
    const { read } = log
    log.read = async (...args) => {
      await new Promise<void>((resolve) => {
        release = resolve
      })
      return read.apply(log, args)
    }
    // More than the queue and the memory tail hold, so it is read from the log, which loses it meanwhile.
    const large = Array.from({ length: 8 }, () => draftOf('a', JSON.stringify('x'.repeat(70 * 1024))))
    await hub.publish(large)
    await until('the log to be read', () => release)
    expect(told).toEqual([])
    clock.pass(86_400_000 + 1000)
    log.read = read
    await log.trim()
    release?.()
    await served.pass(2000)
    expect(told.toSorted()).toEqual(['a', 'b'])
  })
})

describe('a watch ends', () => {
  test('with the credential, once, also when it watches new topics only', async () => {
    const expires = served.clock.now() + 60_000
    const topics = served.watch(principal(['**'], { expires }))
    const events = served.watch(principal(['**'], { expires }))
    topics.watch.add('new', topicsOf())
    events.watch.add('a', eventsOf('a'))
    await served.pass(59_000)
    expect([topics.ended, events.ended]).toEqual([[], []])
    await served.pass(3000)
    expect([topics.ended, events.ended]).toEqual([['credential-expired'], ['credential-expired']])
    await publish('a')
    await served.pass(3000)
    expect([topics.told, events.told]).toEqual([[], []])
    expect(refusedWith(() => events.watch.add('b', eventsOf('b'))).code).toBe('overloaded')
  })

  test('when a reload takes the grants away, and of nobody else', async () => {
    const gone = principal(['a'])
    const watches = [served.watch(gone), served.watch(), served.watch(gone)]
    watches[0]!.watch.add('a', eventsOf('a'))
    watches[1]!.watch.add('a', eventsOf('a'))
    watches[2]!.watch.add('new', topicsOf('a'))
    await served.hub.reconsider((asked) => (asked === gone ? 'grants-changed' : undefined))
    expect(watches.map(({ ended }) => ended)).toEqual([['grants-changed'], [], ['grants-changed']])
  })

  test('when the hub stops, and does not come back by old age while it does', async () => {
    const { watch, ended } = served.watch()
    const old = served.watch()
    watch.add('a', eventsOf('a'))
    old.watch.add('a', eventsOf('a'))
    served.hub.admission.refuseNew()
    await served.pass(1000)
    served.clock.pass(3_600_000)
    await served.clock.yield()
    expect(ended).toEqual(['shutdown'])
    await served.hub.drain()
    expect(old.ended).toEqual(['shutdown'])
    expect(served.hub.connections).toBe(0)
  })

  test('when all watching does', () => {
    const { watch, ended } = served.watch()
    watch.add('a', eventsOf('a'))
    served.watching.close()
    served.watching.close()
    expect(ended).toEqual(['shutdown'])
    expect(served.hub.connections).toBe(0)
  })

  test('in the middle of being told, without harm', async () => {
    const { hub, watching } = served
    const told: string[] = []
    const watch = watching.watch(
      { principal: principal(['**']), address: '' },
      {
        updated: (uri) => {
          told.push(uri)
          watch.close()
          return true
        },
        ended: () => told.push('ended'),
      },
    )
    for (const topic of ['a', 'b', 'c']) watch.add(topic, eventsOf(topic))
    await publish('a', 'b', 'c')
    expect(told).toEqual(['a'])
    expect(hub.connections).toBe(0)
  })
})

const topic = fc.nat(5).map((index) => `t${index}`)
const step = fc.oneof(
  fc.record({ do: fc.constant('add' as const), topic }),
  fc.record({ do: fc.constant('remove' as const), topic }),
  fc.record({ do: fc.constant('publish' as const), topics: fc.array(topic, { minLength: 1, maxLength: 8 }) }),
  // Larger than the queue and the memory tail: it comes from the log, some turns later.
  fc.record({ do: fc.constant('large' as const), topic }),
  // Up to several times the greatest age of a subscription.
  fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(0, 0, 0, 100, 1500, 40_000, 2_000_000) }),
)

test('every URI is told after the last event of its topic, however URIs come and go while others publish', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
      const { hub, log, clock, watching, pass, close } = await watchedHub({ tailBytes: 1024 })
      const toldAt = new Map<string, number>()
      const owed = new Map<string, number>()
      const watch = watching.watch(
        { principal: principal(['**']), address: '' },
        {
          updated: (uri) => {
            toldAt.set(uri, log.head)
            return true
          },
          ended: () => {},
        },
      )
      log.onCommit(({ events }) => {
        for (const event of events) if (watch.uris.includes(event.topic)) owed.set(event.topic, event.offset)
      })
      const publishing: Promise<unknown>[] = []
      for (const each of steps) {
        if (each.do === 'add') watch.add(each.topic, eventsOf(each.topic))
        else if (each.do === 'publish') publishing.push(hub.publish(each.topics.map((name) => draftOf(name))))
        else if (each.do === 'large') {
          publishing.push(hub.publish([draftOf(each.topic, JSON.stringify('x'.repeat(70_000)))]))
        } else if (each.do === 'remove') {
          watch.remove(each.topic)
          owed.delete(each.topic)
        } else {
          clock.pass(each.ms)
          await clock.yield()
        }
      }
      await Promise.all(publishing)
      await pass(3000)
      for (const [uri, offset] of owed) expect(toldAt.get(uri) ?? 0).toBeGreaterThanOrEqual(offset)
      expect(hub.connections).toBe(watch.uris.length > 0 ? 1 : 0)
      await close()
    }),
    { numRuns: 300 },
  )
})
