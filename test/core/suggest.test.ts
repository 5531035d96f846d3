import { expect, test } from 'bun:test'
import { didYouMean, nearestName, quoted } from '../../src/core/suggest.ts'

const names = ['topic', 'type', 'data', 'id', 'time']

test('a missing, doubled, wrong or swapped letter finds its name', () => {
  expect(['topc', 'toppic', 'tipic', 'tpoic', 'TOPIC', 'dtaa'].map((word) => nearestName(word, names))).toEqual([
    'topic',
    'topic',
    'topic',
    'topic',
    'topic',
    'data',
  ])
})

test('a word that is like none of them finds none', () => {
  expect(['payload', 'x'.repeat(65), ''].map((word) => nearestName(word, names))).toEqual([
    undefined,
    undefined,
    undefined,
  ])
  expect(didYouMean('payload', names)).toBe('')
})

test('quoted text is one line, short, and well-formed', () => {
  expect(quoted('a\nb')).toBe('"a\\nb"')
  expect(quoted('\ud800'.repeat(1000)).length).toBeLessThan(500)
  expect(quoted('\ud800').isWellFormed()).toBe(true)
})
