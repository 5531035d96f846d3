import { expect, test } from 'bun:test'
import { Pace } from '../../../src/webhooks/delivery/pace.ts'
import { MOST_ATTEMPTS, pauseAfter } from '../../../src/webhooks/delivery/retry.ts'

const pace = (): Pace => new Pace(8, () => 0.5)

test('each failure halves how many may be under way, down to one; each success lets one more', () => {
  const of = pace()
  const seen: number[] = []
  for (let failure = 0; failure < 5; failure++) {
    of.failed(failure, 0)
    seen.push(of.most)
  }
  expect(seen).toEqual([4, 2, 1, 1, 1])
  for (let success = 0; success < 20; success++) of.succeeded()
  expect(of.most).toBe(8)
})

test('one that takes nothing rests ever longer, at most five minutes, and not at all after a success', () => {
  const of = pace()
  const rests: number[] = []
  for (let failure = 0; failure < 20; failure++) {
    of.failed(failure, 0)
    rests.push(of.restUntil)
  }
  expect(rests.slice(0, 6)).toEqual([0, 0, 0, 100, 200, 400])
  expect(Math.max(...rests)).toBe(300_000)
  expect(of.suspended).toBe(true)
  of.succeeded()
  expect([of.restUntil, of.resting, of.suspended]).toEqual([0, false, false])
})

test('an answer that refuses one event is no reason to slow down', () => {
  const of = pace()
  for (let failure = 0; failure < 3; failure++) of.failed(failure, 0)
  of.answered()
  expect([of.troubled, of.resting, of.restUntil]).toEqual([false, false, 0])
})

test('what a receiver asks for counts, up to a quarter of an hour', () => {
  const of = pace()
  of.failed(1, 0, 60_000)
  expect(of.restUntil).toBe(60_000)
  of.failed(2, 0, 86_400_000)
  expect(of.restUntil).toBe(900_000)
})

test('an event that comes alone has more attempts than it takes to find out that its receiver is down', () => {
  const of = pace()
  for (let attempt = 1; attempt < MOST_ATTEMPTS; attempt++) of.failed(1, 0)
  expect(of.resting).toBe(true)
})

test('61: five attempts in 10 to 15 minutes, spread a little', () => {
  for (const random of [0, 0.5, 1]) {
    const pauses = [1, 2, 3, 4].map((attempts) => pauseAfter(attempts, () => random)!)
    const minutes = pauses.reduce((sum, pause) => sum + pause, 0) / 60_000
    expect(minutes).toBeGreaterThan(6)
    expect(minutes).toBeLessThan(15)
  }
  expect(pauseAfter(MOST_ATTEMPTS, () => 0.5)).toBeUndefined()
})
