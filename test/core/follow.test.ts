import { expect, test } from 'bun:test'
import { parseFilter } from '../../src/core/filter.ts'
import { LOCAL } from '../../src/core/principal.ts'
import type { Subscription } from '../../src/core/subscription.ts'
import { draftOf } from '../support/draft.ts'
import { memoryHub } from '../support/hub.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'

const everything = parseFilter([], [])

/** As the hub's own parts do: what is taken is followed by a wait. */
function taken(follower: Subscription): number[] {
  const offsets = follower
    .take(1024)
    .flatMap((delivery) => (delivery.kind === 'events' ? delivery.events.map(({ offset }) => offset) : []))
  if (!follower.finished) follower.wait({ wake: () => {} })
  return offsets
}

test('what the hub follows for itself is no connection: no cap counts it, and caps do not refuse it', async () => {
  const { hub, close } = await memoryHub({ connections: 1 })
  hub.subscribe({ filter: everything, start: undefined, principal: LOCAL, address: '' })
  const follower = hub.follow({ filter: everything, start: undefined })
  expect(hub.connections).toBe(1)
  expect(follower.state).not.toBe('closed')
  follower.close('client-gone')
  expect(hub.connections).toBe(1)
  expect(hub.admission.refusal({ principal: LOCAL, address: '' })).toBe('too-many-connections')
  await close()
})

test('a follower has no age, is never taken for a stalled reader, and gets what comes whenever it takes it', async () => {
  const clock = new ManualClock()
  const { hub, close } = await memoryHub({ maxAgeMs: 1000, maxStallMs: 1000 }, undefined, clock)
  const follower = hub.follow({ filter: everything, start: undefined })
  taken(follower)
  await hub.publish([draftOf('t'), draftOf('t')])
  expect(taken(follower)).toEqual([1, 2])
  await hub.publish([draftOf('t')])
  for (let minute = 0; minute < 60; minute++) {
    clock.pass(60_000)
    await clock.yield()
  }
  expect(follower.state).toBe('live')
  expect(taken(follower)).toEqual([3])
  await close()
})

test('nobody judges a follower, and the end of the hub ends it', async () => {
  const { hub, close } = await memoryHub()
  const follower = hub.follow({ filter: everything, start: undefined })
  const client = hub.subscribe({ filter: everything, start: undefined, principal: LOCAL, address: '' })
  await hub.reconsider(() => 'credential-revoked')
  expect([client.closeReason, follower.closeReason]).toEqual(['credential-revoked', undefined])
  await hub.drain()
  await until('it is closed', () => follower.closeReason === 'shutdown')
  await close()
})
