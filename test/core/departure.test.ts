import { expect, test } from 'bun:test'
import { Departure } from '../../src/core/departure.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { settled } from '../support/settled.ts'

const MANY = Array.from({ length: 4000 }, (_, number) => number)

/** Lets `ms` pass in steps of a timer. */
function pass(clock: ManualClock, ms: number): void {
  for (let passed = 0; passed < ms; passed += 25) clock.pass(25)
}

test('four thousand streams are told over a second, in equal parts', async () => {
  const clock = new ManualClock()
  const told: number[] = []
  const all = new Departure(clock, MANY.length, 5000).each(MANY, (one) => told.push(one))
  expect(told).toEqual([])
  pass(clock, 250)
  expect(told).toHaveLength(1000)
  pass(clock, 500)
  expect(told).toHaveLength(3000)
  pass(clock, 250)
  await all
  expect(told).toEqual(MANY)
})

test('a window that is shorter than that is kept to', async () => {
  const clock = new ManualClock()
  const told: number[] = []
  const all = new Departure(clock, MANY.length, 500).each(MANY, (one) => told.push(one))
  pass(clock, 500)
  await all
  expect(told).toHaveLength(MANY.length)
})

test('a few streams, and any number without a window, are told without waiting for a timer', async () => {
  for (const [streams, withinMs] of [
    [50, 5000],
    [4000, 0],
  ] as const) {
    const told: number[] = []
    await new Departure(new ManualClock(), streams, withinMs).each(MANY.slice(0, streams), (one) => told.push(one))
    expect(told).toHaveLength(streams)
  }
})

test('an event loop that stood still is not made up for in one step', async () => {
  const clock = new ManualClock()
  const told: number[] = []
  const all = new Departure(clock, MANY.length, 5000).each(MANY, (one) => told.push(one))
  clock.pass(10_000)
  expect(told).toHaveLength(500)
  pass(clock, 7 * 25)
  await all
  expect(told).toHaveLength(MANY.length)
})

test('whoever is told early waits until the last one is told, and everyone a turn of a thousand a second besides', () => {
  const clock = new ManualClock()
  const departure = new Departure(clock, 4000, 5000)
  const turn = 0.5 * 4000
  expect(departure.delayMs()).toBe(1000 + turn)
  clock.pass(400)
  expect(departure.delayMs()).toBe(600 + turn)
  clock.pass(600)
  expect(departure.delayMs()).toBe(turn)
  clock.pass(600)
  expect(departure.delayMs()).toBe(turn)
})

test('what fails while they are told is not swallowed, and ends it', async () => {
  const clock = new ManualClock()
  let asked = 0
  const all = new Departure(clock, MANY.length, 5000).each(MANY, () => {
    asked++
    throw new Error('no')
  })
  clock.pass(25)
  expect(await settled(all)).toThrow('no')
  clock.pass(25)
  expect(asked).toBe(1)
})
