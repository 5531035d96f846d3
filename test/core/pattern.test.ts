import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { matchesTopic, overlaps, parsePattern } from '../../src/core/pattern.ts'
import { TopicIndex } from '../../src/core/topic-index.ts'

test.each([
  ['orders/42', 'orders/42', true],
  ['orders/42', 'orders/4', false],
  ['orders/*', 'orders/42', true],
  ['orders/*', 'orders', false],
  ['orders/*', 'orders/42/items', false],
  ['*/42', 'orders/42', true],
  ['orders/**', 'orders', true],
  ['orders/**', 'orders/42/items', true],
  ['orders/**', 'ordersX', false],
  ['**', 'anything/at/all', true],
  ['a/*/c/**', 'a/b/c', true],
  ['a/*/c/**', 'a/b/d/c', false],
  ['https://example.com/*', 'https://example.com/x', true],
  ['https:/*/example.com', 'https://example.com', true],
  ['a//b', 'a//b', true],
])('%s on %s matches: %p', (pattern, topic, expected) => {
  expect(matchesTopic(parsePattern(pattern), topic)).toBe(expected)
})

test.each(['or*', 'a/**/b', '***', 'a b', '', '$sys/*', 'a/*b', 'a\n', 'x'.repeat(513)])(
  'the pattern %j is refused',
  (text) => {
    expect(() => parsePattern(text)).toThrow(expect.objectContaining({ code: 'invalid-pattern' }))
  },
)

const segment = fc.constantFrom('a', 'b', 'c', '')
const topics = fc
  .array(segment, { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join('/'))
  .filter((topic) => topic !== '')
const patterns = fc
  .tuple(fc.array(fc.oneof(segment, fc.constant('*')), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([parts, open]) => (open ? [...parts, '**'] : parts).join('/'))
  .filter((text) => text !== '')

test('the topic index finds exactly the patterns that match, and none after they are removed', () => {
  fc.assert(
    fc.property(fc.array(patterns, { maxLength: 12 }), topics, fc.integer(), (texts, topic, seed) => {
      const index = new TopicIndex<string>()
      const parsed = [...new Set(texts)].map((text) => parsePattern(text))
      for (const pattern of parsed) index.add(pattern, pattern.text)
      const found = (): string[] => {
        const values = new Set<string>()
        index.match(topic, (value) => values.add(value))
        return [...values].sort()
      }
      expect(found()).toEqual(
        parsed
          .filter((pattern) => matchesTopic(pattern, topic))
          .map((pattern) => pattern.text)
          .sort(),
      )
      const removed = parsed.filter((_, place) => (seed >> (place % 30)) & 1)
      for (const pattern of removed) index.remove(pattern, pattern.text)
      const left = parsed.filter((pattern) => !removed.includes(pattern))
      expect(found()).toEqual(
        left
          .filter((pattern) => matchesTopic(pattern, topic))
          .map((pattern) => pattern.text)
          .sort(),
      )
    }),
    { numRuns: 2000 },
  )
})

test('patterns that match one topic are said to overlap', () => {
  fc.assert(
    fc.property(patterns, patterns, topics, (left, right, topic) => {
      const [a, b] = [parsePattern(left), parsePattern(right)]
      if (matchesTopic(a, topic) && matchesTopic(b, topic)) expect(overlaps(a, b)).toBe(true)
    }),
    { numRuns: 5000 },
  )
  expect(overlaps(parsePattern('orders/*'), parsePattern('metrics/**'))).toBe(false)
  expect(overlaps(parsePattern('orders'), parsePattern('orders/*'))).toBe(false)
})

test('a topic of many segments is matched in linear time by patterns made to backtrack', () => {
  const index = new TopicIndex<string>()
  for (let depth = 1; depth < 60; depth++) index.add(parsePattern(`${'*/'.repeat(depth)}x`), String(depth))
  let visits = 0
  index.match(`${'a/'.repeat(250)}y`, () => visits++)
  expect(visits).toBe(0)
})
