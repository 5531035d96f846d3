import { expect, test } from 'bun:test'
import { Turns } from '../../src/core/turns.ts'
import { settled } from '../support/settled.ts'

test('so many run at a time, the others in the order they came, also after one that failed', async () => {
  const turns = new Turns(2)
  const begun: number[] = []
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<number>())
  const taken = gates.map(({ promise }, number) =>
    turns.take(() => {
      begun.push(number)
      return promise
    }),
  )
  expect(begun).toEqual([0, 1])
  gates[1]!.reject(new Error('failed'))
  expect(await settled(taken[1])).toThrow('failed')
  expect(begun).toEqual([0, 1, 2])
  for (const [number, { resolve }] of gates.entries()) resolve(number)
  expect(await Promise.all([0, 2, 3, 4].map((number) => taken[number]))).toEqual([0, 2, 3, 4])
  expect(begun).toEqual([0, 1, 2, 3, 4])
  await turns.take(async () => begun.push(5))
  expect(begun.at(-1)).toBe(5)
})

test('a look that throws before it waits gives its turn back', async () => {
  const turns = new Turns(1)
  const throws = (): Promise<never> => {
    throw new Error('at once')
  }
  expect(await settled(turns.take(throws))).toThrow('at once')
  expect(await turns.take(async () => 'next')).toBe('next')
})
