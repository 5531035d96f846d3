import { expect, test } from 'bun:test'
import { Distribution } from '../../src/core/distribution.ts'

test('a value counts under the first bound it does not exceed, above all of them under none', () => {
  const seen = new Distribution([1, 2])
  for (const value of [0, 1, 1.5, 2, 2.5]) seen.observe(value)
  expect(seen.counts).toEqual([2, 2, 1])
  expect(seen.sum).toBe(7)
})

test('a clock that was set back takes nothing from the sum', () => {
  const seen = new Distribution([1])
  seen.observe(-5)
  expect([seen.counts, seen.sum]).toEqual([[1, 0], 0])
})
