import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { matchesTopic, parsePattern } from '../../src/core/pattern.ts'
import { TopicIndex } from '../../src/core/topic-index.ts'

const segment = fc.constantFrom('a', 'b', '*', 'c')
const patternText = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 6 }), fc.boolean())
  .map(([segments, open]) => [...segments, ...(open ? ['**'] : [])].join('/'))
const topicText = fc
  .array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 7 })
  .map((all) => all.join('/'))

function foundBy(index: TopicIndex<string>, topic: string): string[] {
  const found = new Set<string>()
  index.match(topic, (value) => found.add(value))
  return [...found].sort()
}

for (const [how, mostVisits] of [
  ['by the tree', Number.POSITIVE_INFINITY],
  ['by bits', 0],
  ['by both', 3],
] as const) {
  test(`a look-up ${how} finds what matches and nothing else, while patterns come and go`, () => {
    const step = fc.record({ add: fc.boolean(), text: patternText, value: fc.constantFrom('x', 'y') })
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.array(topicText, { minLength: 1, maxLength: 8 }),
        (steps, topics) => {
          const index = new TopicIndex<string>({ mostVisits })
          const model = new Map<string, { text: string; value: string }>()
          for (const { add, text, value } of steps) {
            const key = `${text} ${value}`
            if (add) index.add(parsePattern(text), key)
            else index.remove(parsePattern(text), key)
            if (add) model.set(key, { text, value })
            else model.delete(key)
            foundBy(index, topics[0]!)
          }
          for (const topic of topics) {
            const expected = [...model]
              .filter(([, { text }]) => matchesTopic(parsePattern(text), topic))
              .map(([key]) => key)
            expect(foundBy(index, topic)).toEqual(expected.sort())
          }
        },
      ),
      { numRuns: 500 },
    )
  })
}

test('thousands of patterns, more than one room for their bits, are found and forgotten', () => {
  const index = new TopicIndex<number>({ mostVisits: 0 })
  const patterns = Array.from({ length: 5000 }, (_, number) => parsePattern(`a/*/${number % 2500}/${number}/*`))
  for (const [number, pattern] of patterns.entries()) index.add(pattern, number)
  const found = (topic: string): number[] => {
    const all: number[] = []
    index.match(topic, (value) => all.push(value))
    return all
  }
  expect(found('a/x/17/17/y')).toEqual([17])
  expect(found('a/x/17/2517/y')).toEqual([2517])
  for (const [number, pattern] of patterns.entries()) if (number % 2 === 0) index.remove(pattern, number)
  expect(found('a/x/18/18/y')).toEqual([])
  expect(found('a/x/17/2517/y')).toEqual([2517])
  index.add(parsePattern('**'), 9999)
  expect(found('anything')).toEqual([9999])
})
