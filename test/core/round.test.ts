import { expect, test } from 'bun:test'
import { round } from '../../src/core/round.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { settled } from '../support/settled.ts'

test('a round visits all who were there when it began, and lets others have their turn after every 500', async () => {
  const all = new Set(Array.from({ length: 1200 }, (_, index) => index))
  const visited: number[] = []
  const yieldedAt: number[] = []
  const clock = { yield: async () => void yieldedAt.push(visited.length) }
  await round(clock, all, (each) => {
    visited.push(each)
    all.delete(each)
    all.add(each + 10_000)
  })
  expect(visited).toEqual(Array.from({ length: 1200 }, (_, index) => index))
  expect(yieldedAt).toEqual([500, 1000])
})

test('a round that throws says so to whoever began it', async () => {
  const failing = round(new ManualClock(), [1], () => {
    throw new Error('no')
  })
  expect(await settled(failing)).toThrow('no')
})
