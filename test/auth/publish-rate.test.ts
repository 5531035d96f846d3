import { expect, test } from 'bun:test'
import { PublishRate } from '../../src/auth/publish-rate.ts'
import { HubError } from '../../src/core/errors.ts'
import { ALL_GRANTS } from '../../src/core/grants.ts'
import { anonymous, LOCAL, type Principal } from '../../src/core/principal.ts'
import { ManualClock } from '../support/manual-clock.ts'

const principal = (id: string): Principal => ({
  id,
  grants: ALL_GRANTS,
  expires: undefined,
  credential: id,
  limited: true,
})
const alice = principal('sub:alice')

function rate(perSecond = 100, principals?: number) {
  const clock = new ManualClock()
  const now = () => clock.monotonic()
  return { clock, rate: new PublishRate({ perSecond, now, ...(principals ? { principals } : {}) }) }
}

function refusal(run: () => void): HubError | undefined {
  try {
    run()
  } catch (error) {
    if (error instanceof HubError) return error
    throw error
  }
  return undefined
}

test('five seconds’ worth goes at once, and then as much as time gives back', () => {
  const { rate: limit, clock } = rate()
  limit.take(alice, 400)
  limit.take(alice, 100)
  expect(refusal(() => limit.require(alice))).toMatchObject({ code: 'rate-limited', retryAfterMs: 10 })
  clock.pass(1000)
  limit.take(alice, 100)
  expect(refusal(() => limit.take(alice, 1))?.code).toBe('rate-limited')
})

test('a batch larger than what is left takes nothing', () => {
  const { rate: limit } = rate()
  limit.take(alice, 450)
  expect(refusal(() => limit.take(alice, 51))).toMatchObject({ code: 'rate-limited', retryAfterMs: 10 })
  limit.take(alice, 50)
})

test('a batch that never fits says so instead of sending its publisher round in circles', () => {
  const { rate: limit } = rate()
  expect(refusal(() => limit.take(alice, 501))?.code).toBe('batch-too-large')
})

test('one principal does not use up another’s, and local and anonymous have no limit', () => {
  const { rate: limit } = rate()
  limit.take(alice, 500)
  limit.take(principal('sub:bob'), 500)
  for (const unlimited of [LOCAL, anonymous()]) {
    limit.take(unlimited, 100_000)
    limit.require(unlimited)
  }
  expect(limit.size).toBe(2)
})

test('a full table makes those it does not know wait, and forgets who has everything back', () => {
  const { rate: limit, clock } = rate(100, 3)
  for (const id of ['a', 'b', 'c']) limit.take(principal(id), 100)
  expect(refusal(() => limit.take(principal('d'), 1))).toMatchObject({ code: 'rate-limited', retryAfterMs: 1000 })
  limit.take(principal('a'), 100)
  clock.pass(1001)
  limit.take(principal('d'), 1)
  expect(limit.size).toBe(2)
})

test('another rate counts at once: what was published counts against it, and nobody is given a burst', () => {
  const { rate: limit, clock } = rate(100)
  limit.take(alice, 500)
  limit.replace(1000)
  // 500 of 5,000 are taken.
  limit.take(alice, 4500)
  expect(refusal(() => limit.take(alice, 1))).toMatchObject({ code: 'rate-limited' })
  limit.replace(10)
  expect(refusal(() => limit.take(alice, 51))).toMatchObject({ code: 'batch-too-large' })
  // All it may have are taken, and no more than those have to come back.
  expect(refusal(() => limit.take(alice, 1))).toMatchObject({ retryAfterMs: 100 })
  clock.pass(5000)
  limit.take(alice, 50)
})
