import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { parseFilter } from '../../src/core/filter.ts'
import { NO_HORIZON, RetentionGroups, type RetentionRule } from '../../src/storage/retention.ts'

const limits = { maxAgeMs: 1_000, maxEvents: 10, maxBytes: 100 }
const groupsOf = (...patterns: string[]) =>
  new RetentionGroups({ ...limits, topics: patterns.map((pattern) => ({ pattern })) })
const at = (...offsets: number[]) => offsets.map((offset) => ({ offset, received: offset }))

test('a topic belongs to the first rule it matches, else to the default group', () => {
  const groups = groupsOf('logs/app', 'logs/**')
  expect(['logs/app', 'logs/db', 'logs', 'other'].map((topic) => groups.groupOf(topic))).toEqual([0, 1, 1, 2])
})

test('limits a rule leaves out are the global ones', () => {
  const topics: RetentionRule[] = [{ pattern: 'a', maxEvents: 5 }]
  expect(new RetentionGroups({ ...limits, topics }).limits).toEqual([{ ...limits, maxEvents: 5 }, limits])
})

test.each([
  [['logs/app'], 1],
  [['logs/db'], 2],
  [['logs/*'], 2],
  [['logs/**'], 2],
  [['other'], 30],
  [['*'], 30],
  [['logs/db', 'other'], 30],
  [['*/app'], 30],
])('the horizon of %j is that of the groups it can reach', (patterns, offset) => {
  const groups = groupsOf('logs/app', 'logs/**')
  expect(groups.horizon(parseFilter(patterns, []), at(1, 2, 30)).offset).toBe(offset)
})

const segment = fc.constantFrom('a', 'b', 'c')
const topic = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/'))
const pattern = fc
  .tuple(fc.array(fc.oneof(segment, fc.constant('*')), { minLength: 1, maxLength: 3 }), fc.boolean())
  .map(([segments, open]) => [...segments, ...(open ? ['**'] : [])].join('/'))
const rules = fc.uniqueArray(pattern, { maxLength: 4 })

test('a pattern’s horizon is never below that of the group of a topic it matches', () => {
  fc.assert(
    fc.property(
      rules,
      pattern,
      topic,
      fc.array(fc.nat(1_000), { minLength: 5, maxLength: 5 }),
      (texts, wanted, name, offsets) => {
        const groups = groupsOf(...texts)
        const filter = parseFilter([wanted], [])
        const horizons = at(...offsets.slice(0, groups.count))
        fc.pre(filter.patterns.some((each) => groupsOf(each.text).groupOf(name) === 0))
        expect(groups.horizon(filter, horizons).offset).toBeGreaterThanOrEqual(horizons[groups.groupOf(name)]!.offset)
      },
    ),
  )
})

test('under changed rules no topic’s horizon falls, and under the same rules none rises', () => {
  fc.assert(
    fc.property(
      rules,
      rules,
      topic,
      fc.array(fc.nat(1_000), { minLength: 5, maxLength: 5 }),
      (before, after, name, offsets) => {
        const old = groupsOf(...before)
        const now = groupsOf(...after)
        const horizons = at(...offsets.slice(0, old.count))
        const carried = now.carry(old.store(horizons))
        expect(carried[now.groupOf(name)]!.offset).toBeGreaterThanOrEqual(horizons[old.groupOf(name)]!.offset)
        expect(old.carry(old.store(horizons))[old.groupOf(name)]).toEqual(horizons[old.groupOf(name)]!)
      },
    ),
    { numRuns: 500 },
  )
})

test('a new log has no horizon', () => {
  expect(groupsOf('a').carry([])).toEqual([NO_HORIZON, NO_HORIZON])
})

test('two rules with one pattern are refused by its name', () => {
  expect(() => groupsOf('logs/**', 'a', 'logs/**')).toThrow(
    expect.objectContaining({ code: 'invalid-config', message: expect.stringContaining('"logs/**"') }),
  )
})
