import { describe, expect, test } from 'bun:test'
import { parseFilter } from '../../src/core/filter.ts'
import { parseGrants } from '../../src/core/grants.ts'
import type { Principal } from '../../src/core/principal.ts'
import type { Subscription } from '../../src/core/subscription.ts'
import { draft, memoryHub } from '../support/hub.ts'
import { ManualClock } from '../support/manual-clock.ts'

const START = 1_800_000_000_000
const MINUTE = 60_000

function principal(id: string, expires?: number): Principal {
  return { id, grants: parseGrants({ subscribe: ['**'] }), expires, credential: id, limited: true }
}

/** A hub in which a minute is a minute of `clock`. */
async function hubAt(clock: ManualClock) {
  const served = await memoryHub({ maxAgeMs: 30 * MINUTE, heartbeatMs: 24 * 60 * MINUTE }, {}, clock)
  const subscribe = (by: Principal): Subscription => {
    const subscription = served.hub.subscribe({
      filter: parseFilter([], []),
      start: undefined,
      principal: by,
      address: '',
    })
    subscription.take(1)
    return subscription
  }
  const pass = async (ms: number): Promise<void> => {
    for (const end = clock.now() + ms; clock.now() < end; ) {
      clock.pass(1000)
      await clock.yield()
    }
  }
  return { ...served, subscribe, pass }
}

describe('a stream whose credential ends', () => {
  test('is told by $error and $closing, and not to come back with the same one', async () => {
    const { subscribe, pass, close } = await hubAt(new ManualClock(START))
    const subscription = subscribe(principal('sub:alice', START + 2 * MINUTE))
    subscription.wait({ wake() {} })
    await pass(MINUTE)
    expect(subscription.closeReason).toBeUndefined()
    await pass(MINUTE + 2000)
    expect(subscription.take(1)).toMatchObject([
      { kind: 'error', code: 'credential-expired', message: expect.stringContaining('expired') },
      { kind: 'closing', reason: 'credential-expired', reconnect: false },
    ])
    await close()
  })

  test('ends also when its reader always has something in hand', async () => {
    const { hub, subscribe, pass, close } = await hubAt(new ManualClock(START))
    const subscription = subscribe(principal('sub:alice', START + 5000))
    for (let second = 0; second < 8; second++) {
      await hub.publish([draft('a', String(second))])
      // Taken and not asked for more: on its way to the socket at every sweep.
      subscription.take(1)
      await pass(1000)
    }
    expect(subscription.closeReason).toBe('credential-expired')
    await close()
  })

  test('is not moved by a wall clock that is set back: its end was fixed when it began', async () => {
    const clock = new ManualClock(START)
    const wall = { offset: 0 }
    const shifted = Object.assign(Object.create(clock), {
      now: () => clock.now() + wall.offset,
      monotonic: () => clock.monotonic(),
      random: () => 0.5,
      every: (ms: number, run: () => void) => clock.every(ms, run),
      yield: () => clock.yield(),
    })
    const { hub, close } = await memoryHub({ maxAgeMs: 30 * MINUTE }, {}, shifted)
    const by = { principal: principal('sub:alice', START + MINUTE), address: '' }
    const subscription = hub.subscribe({ filter: parseFilter([], []), start: undefined, ...by })
    subscription.take(1)
    subscription.wait({ wake() {} })
    wall.offset = -60 * MINUTE
    for (let second = 0; second < 62; second++) {
      clock.pass(1000)
      await clock.yield()
    }
    expect(subscription.closeReason).toBe('credential-expired')
    await close()
  })

  test('a maximum age that comes first ends it, and it comes back', async () => {
    const { subscribe, pass, close } = await hubAt(new ManualClock(START))
    const subscription = subscribe(principal('sub:alice', START + 60 * MINUTE))
    subscription.wait({ wake() {} })
    await pass(31 * MINUTE)
    expect(subscription.take(1)).toMatchObject([{ kind: 'closing', reason: 'max-age', reconnect: true }])
    await close()
  })
})

test('reconsidering ends the streams whose principal is judged so, and no other', async () => {
  const { hub, subscribe, close } = await hubAt(new ManualClock(START))
  const [revoked, changed, kept] = ['key:a', 'key:b', 'key:c'].map((id) => subscribe(principal(id)))
  const verdicts = { 'key:a': 'credential-revoked', 'key:b': 'grants-changed' } as const
  await hub.reconsider(({ id }) => verdicts[id as keyof typeof verdicts])
  expect(revoked!.take(1)).toMatchObject([
    { kind: 'error', code: 'credential-revoked' },
    { kind: 'closing', reason: 'credential-revoked', reconnect: false },
  ])
  expect(changed!.take(1)).toMatchObject([{ kind: 'closing', reason: 'grants-changed', reconnect: true }])
  expect(kept!.closeReason).toBeUndefined()
  await close()
})

test('many streams that end at once are told in turns, and to come back at different times', async () => {
  class CountingClock extends ManualClock {
    turns = 0
    override yield(): Promise<void> {
      this.turns++
      return super.yield()
    }
  }
  const clock = new CountingClock(START)
  const { hub, close } = await memoryHub({ connections: 2000 }, {}, clock)
  const by = { principal: { ...principal('key:many'), limited: false }, address: '' }
  const subscriptions = Array.from({ length: 1_200 }, () =>
    hub.subscribe({ filter: parseFilter([], []), start: undefined, ...by }),
  )
  // A thousand a second: each of them waits up to as many milliseconds longer as there are streams.
  expect(hub.admission.retryMs('grants-changed') - hub.admission.retryMs('max-age')).toBe(600)
  const before = clock.turns
  await hub.reconsider(() => 'grants-changed')
  expect(clock.turns - before).toBeGreaterThanOrEqual(2)
  expect(subscriptions.every((subscription) => subscription.closeReason === 'grants-changed')).toBe(true)
  await close()
})
