import { expect, test } from 'bun:test'
import { AttemptRate } from '../../../src/webhooks/outbound/attempt-rate.ts'
import { ManualClock } from '../../support/manual-clock.ts'

function rate(perMinute: number, keys = 100) {
  const clock = new ManualClock()
  return { clock, rate: new AttemptRate({ perMinute, keys, monotonic: () => clock.monotonic() }) }
}

test('what a minute allows may come at once, then one by one', () => {
  const { clock, rate: under } = rate(3)
  for (let turn = 0; turn < 3; turn++) {
    expect(under.waitMs('a')).toBe(0)
    under.take('a')
  }
  expect(under.waitMs('a')).toBe(20_000)
  expect(under.waitMs('b')).toBe(0)
  clock.pass(20_000)
  expect(under.waitMs('a')).toBe(0)
})

test('keys that a full table does not know wait until one in it is full again', () => {
  const { clock, rate: under } = rate(60, 2)
  under.take('a')
  under.take('b')
  expect(under.waitMs('c')).toBe(1000)
  expect(under.waitMs('a')).toBe(0)
  clock.pass(1000)
  expect(under.waitMs('c')).toBe(0)
  expect(under.size).toBe(0)
})
