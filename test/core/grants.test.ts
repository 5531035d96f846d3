import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { intersectTypes, matchesType, parseTypeFilter } from '../../src/core/event-type.ts'
import { filterTopic, filterType, parseFilter } from '../../src/core/filter.ts'
import {
  ALL_GRANTS,
  grantsDocument,
  MAX_NARROWED_PATTERNS,
  mayPublish,
  NO_GRANTS,
  narrowFilter,
  narrowGrants,
  parseGrants,
  sameGrants,
} from '../../src/core/grants.ts'
import { covers, intersect, matchesTopic, parsePattern } from '../../src/core/pattern.ts'
import { cpuMs } from '../support/cpu-time.ts'

/** Few names, so that patterns and topics meet. */
const segment = fc.constantFrom('a', 'b', '')
const topic = fc
  .array(segment, { minLength: 1, maxLength: 4 })
  .map((segments) => segments.join('/'))
  .filter((text) => text !== '')
const pattern = fc
  .tuple(fc.array(fc.oneof(segment, fc.constant('*')), { maxLength: 4 }), fc.boolean())
  .map(([segments, open]) => [...segments, ...(open ? ['**'] : [])].join('/'))
  .filter((text) => text !== '')
const patterns = fc.array(pattern, { minLength: 1, maxLength: 4 })
const typeFilter = fc.constantFrom('*', 'order.*', 'order.paid', 'order.paid.*', 'user.*', 'user.left')
const type = fc.constantFrom('message', 'order.paid', 'order.paid.twice', 'order.sent', 'user.left')

describe('the intersection of two patterns', () => {
  test('matches exactly the topics that both match', () => {
    fc.assert(
      fc.property(pattern, pattern, topic, (a, b, of) => {
        const [left, right] = [parsePattern(a), parsePattern(b)]
        const both = intersect(left, right)
        const expected = matchesTopic(left, of) && matchesTopic(right, of)
        expect(both !== undefined && matchesTopic(both, of)).toBe(expected)
      }),
      { numRuns: 20_000 },
    )
  })

  test('is a pattern as the parser makes it', () => {
    fc.assert(
      fc.property(pattern, pattern, (a, b) => {
        const both = intersect(parsePattern(a), parsePattern(b))
        if (both && both.text !== '') expect(both).toEqual(parsePattern(both.text))
      }),
    )
  })

  test('a pattern covers another only if it matches all its topics', () => {
    fc.assert(
      fc.property(pattern, pattern, topic, (a, b, of) => {
        const [left, right] = [parsePattern(a), parsePattern(b)]
        if (covers(left, right) && matchesTopic(right, of)) expect(matchesTopic(left, of)).toBe(true)
      }),
      { numRuns: 20_000 },
    )
  })
})

test('the intersection of two lists of types lets through exactly what both do', () => {
  const list = fc.array(typeFilter, { maxLength: 3 })
  const passes = (of: readonly string[], value: string) =>
    of.length === 0 || of.some((text) => matchesType(parseTypeFilter(text), value))
  fc.assert(
    fc.property(list, list, type, (a, b, of) => {
      const both = intersectTypes(
        a.map((text) => parseTypeFilter(text)),
        b.map((text) => parseTypeFilter(text)),
      )
      const through = both !== undefined && (both.length === 0 || both.some((filter) => matchesType(filter, of)))
      expect(through).toBe(passes(a, of) && passes(b, of))
    }),
    { numRuns: 20_000 },
  )
})

describe('a filter narrowed to grants', () => {
  test('matches an event exactly if it was asked for and may be read', () => {
    fc.assert(
      fc.property(
        fc.array(pattern, { maxLength: 4 }),
        fc.array(typeFilter, { maxLength: 2 }),
        patterns,
        fc.array(typeFilter, { maxLength: 2 }),
        topic,
        type,
        (asked, askedTypes, subscribe, types, ofTopic, ofType) => {
          const filter = parseFilter(asked, askedTypes)
          const granted = parseFilter(subscribe, types)
          let narrowed: ReturnType<typeof narrowFilter>
          try {
            narrowed = narrowFilter(filter, parseGrants({ subscribe, types }))
          } catch (error) {
            expect(error).toMatchObject({ code: 'forbidden' })
            return
          }
          const matches = (one: typeof filter) => filterTopic(one, ofTopic) && filterType(one, ofType)
          expect(matches(narrowed)).toBe(matches(filter) && matches(granted))
          expect(narrowed.patterns.length).toBeGreaterThan(0)
        },
      ),
      { numRuns: 20_000 },
    )
  })

  test('is the one that was asked for when everything may be read', () => {
    const filter = parseFilter(['a/*'], ['order.*'])
    expect(narrowFilter(filter, ALL_GRANTS)).toBe(filter)
  })

  test('is everything one may read when nothing was asked for', () => {
    const narrowed = narrowFilter(parseFilter([], []), parseGrants({ subscribe: ['b', 'a/**', 'a/x'] }))
    expect(narrowed.patterns.map(({ text }) => text)).toEqual(['a/**', 'b'])
  })

  test('an exact topic outside the grants is refused, also beside one that is inside', () => {
    const grants = parseGrants({ subscribe: ['a/**'] })
    expect(() => narrowFilter(parseFilter(['a/1', 'b'], []), grants)).toThrow(
      expect.objectContaining({ code: 'forbidden', pointer: '/topic' }),
    )
  })

  test('a wildcard of which nothing may be read is refused: no pattern at all would mean every topic', () => {
    for (const grants of [parseGrants({ subscribe: ['a/**'] }), NO_GRANTS]) {
      expect(() => narrowFilter(parseFilter(['b/*'], []), grants)).toThrow(
        expect.objectContaining({ code: 'forbidden' }),
      )
    }
  })

  test('types of which none may be read are refused', () => {
    const grants = parseGrants({ subscribe: ['**'], types: ['order.*'] })
    expect(() => narrowFilter(parseFilter([], ['user.left']), grants)).toThrow(
      expect.objectContaining({ code: 'forbidden', pointer: '/type' }),
    )
  })

  test('wildcards and grants that multiply are refused above a number, and quickly', async () => {
    const asked = parseFilter(
      Array.from({ length: 64 }, (_, index) => `*/${index}/**`),
      [],
    )
    const grants = parseGrants({ subscribe: Array.from({ length: 64 }, (_, index) => `${index}/*/x`) })
    const spent = await cpuMs(() =>
      expect(() => narrowFilter(asked, grants)).toThrow(
        expect.objectContaining({
          code: 'invalid-query',
          message: expect.stringContaining(String(MAX_NARROWED_PATTERNS)),
        }),
      ),
    )
    expect(spent).toBeLessThan(1000)
  })

  test('readers share fan-out work by what they may read, not by what they asked for', () => {
    const asked = parseFilter([], [])
    const [one, other] = ['a/**', 'b/**'].map((text) => narrowFilter(asked, parseGrants({ subscribe: [text] })).key)
    expect(one).not.toBe(other!)
    expect(narrowFilter(parseFilter(['a/**'], []), parseGrants({ subscribe: ['a/**'] })).key).toBe(one!)
  })
})

describe('grants of two at once', () => {
  test('allow exactly what both allow', () => {
    const some = fc.record({
      publish: fc.array(pattern, { maxLength: 3 }),
      subscribe: fc.array(pattern, { maxLength: 3 }),
      types: fc.array(typeFilter, { maxLength: 2 }),
      admin: fc.boolean(),
    })
    fc.assert(
      fc.property(some, some, topic, type, (a, b, ofTopic, ofType) => {
        const [left, right] = [parseGrants(a), parseGrants(b)]
        const both = narrowGrants(left, right)
        const reads = (grants: typeof left) =>
          grants.subscribe.some((one) => matchesTopic(one, ofTopic)) &&
          (grants.types.length === 0 || grants.types.some((one) => matchesType(one, ofType)))
        expect(mayPublish(both, ofTopic)).toBe(mayPublish(left, ofTopic) && mayPublish(right, ofTopic))
        expect(reads(both)).toBe(reads(left) && reads(right))
        expect(both.admin).toBe(a.admin && b.admin)
      }),
      { numRuns: 20_000 },
    )
  })

  test('are the same when they are written the same', () => {
    const grants = parseGrants({ publish: ['a'], subscribe: ['b/**'], types: ['order.*'], admin: true })
    expect(sameGrants(grants, parseGrants(grantsDocument(grants)))).toBe(true)
    expect(sameGrants(grants, parseGrants({ ...grantsDocument(grants), admin: false }))).toBe(false)
  })
})
