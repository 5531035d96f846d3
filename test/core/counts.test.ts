import { expect, test } from 'bun:test'
import { Counts } from '../../src/core/counts.ts'

test('each set of labels counts for itself, and what is known counts from 0', () => {
  const counts = new Counts<[string, string]>([['a', 'x']])
  counts.add('a', 'y')
  counts.add('a', 'y')
  expect([...counts]).toEqual([
    { labels: ['a', 'x'], count: 0 },
    { labels: ['a', 'y'], count: 2 },
  ])
})

test('a list of labels that turns out not to be closed ends at a thousand', () => {
  const counts = new Counts<[string]>()
  for (let index = 0; index < 2000; index++) counts.add(String(index))
  counts.add('7')
  expect([...counts]).toHaveLength(1000)
  expect([...counts][7]).toEqual({ labels: ['7'], count: 2 })
})
