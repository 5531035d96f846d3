import { describe, expect, test } from 'bun:test'
import { HubError } from '../../src/core/errors.ts'
import { PayloadRules } from '../../src/schemas/payload-rules.ts'
import { cpuMs } from '../support/cpu-time.ts'

type Schema = Record<string, unknown>

const rules = new PayloadRules()

function ruleOf(properties: Schema, more: Schema = {}) {
  return rules.compile({ type: 'object', properties, ...more })
}

/** Why a schema cannot be compiled. */
function refusedSchema(schema: Schema): string {
  try {
    rules.compile(schema)
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    expect(error.code).toBe('invalid-config')
    return error.message
  }
  return 'compiled'
}

describe('a schema that cannot be compiled is refused with what is wrong and where', () => {
  const far = { $ref: 'https://schemas.example/build.json' }
  test.each<[string, Schema, string]>([
    ['a type there is not', { properties: { a: { type: 'text' } } }, '/properties/a/type must be '],
    ['a keyword with a typing mistake', { requird: ['a'] }, 'unknown keyword: "requird".'],
    ['a reference to nowhere', { properties: { a: { $ref: '#/$defs/x' } } }, "can't resolve reference #/$defs/x"],
    ['a reference to elsewhere', { properties: { a: far } }, '/properties/a/$ref must point into the schema itself'],
    [
      'one to the name of the dialect',
      { $ref: 'https://json-schema.org/draft/2020-12/schema' },
      '/$ref must point into',
    ],
    ['one in a list', { allOf: [far] }, '/allOf/0/$ref must point into the schema itself'],
    ['one that is dynamic', { $dynamicRef: 'other.json#x' }, '/$dynamicRef must point into the schema itself'],
    ['a pattern that is none', { properties: { a: { pattern: '(' } } }, 'nvalid regular expression'],
    ['another dialect', { $schema: 'http://json-schema.org/draft-07/schema#' }, '/$schema must be "https://json-sch'],
    ['what would make every answer a promise', { $async: true }, '/$async is not JSON Schema; leave it out.'],
  ])('%s', (_, schema, words) => {
    expect(refusedSchema({ type: 'object', ...schema })).toContain(words)
  })

  test('but not for any keyword of 2020-12', () => {
    const annotations = {
      title: 't',
      description: 'd',
      deprecated: true,
      readOnly: true,
      writeOnly: true,
      examples: [1],
    }
    const content = { contentEncoding: 'base64', contentMediaType: 'application/json', contentSchema: {} }
    const lists = {
      minItems: 1,
      contains: true,
      minContains: 1,
      maxContains: 2,
      unevaluatedItems: false,
      prefixItems: [{}],
    }
    const objects = {
      dependentRequired: {},
      dependentSchemas: {},
      propertyNames: {},
      minProperties: 0,
      maxProperties: 9,
    }
    const core = { $comment: 'c', $anchor: 'a', $dynamicAnchor: 'b', $dynamicRef: '#b' }
    const properties = { a: { ...annotations, ...content, ...lists, default: [] }, b: { ...objects, ...core } }
    expect(refusedSchema({ type: 'object', properties, unevaluatedProperties: true })).toBe('compiled')
  })

  test('a payload that is no object', () => {
    expect(refusedSchema({ type: 'string' })).toContain('it must have type = "object"')
    expect(refusedSchema({ properties: {} })).toContain('it must have type = "object"')
  })

  test('but not for what stands in instances, is a property by that name, or points inside', () => {
    const $defs = { name: { $anchor: 'name', type: 'string' } }
    expect(refusedSchema({ type: 'object', enum: [{ $ref: 'https://a.example' }] })).toBe('compiled')
    expect(refusedSchema({ type: 'object', properties: { $ref: { $ref: '#name' } }, $defs })).toBe('compiled')
    const schema = {
      $id: 'https://schemas.example/build',
      type: 'object',
      properties: { a: { $ref: '#/$defs/name' } },
      $defs,
    }
    // Two types may come with one $id.
    expect([refusedSchema(schema), refusedSchema({ ...schema, required: ['a'] })]).toEqual(['compiled', 'compiled'])
  })
})

describe('data that does not fit is refused with the place and the rule', () => {
  test.each<[string, Schema, unknown, string, string]>([
    ['text instead of an object', {}, 'done', '', 'must be object (type)'],
    ['a list', {}, [], '', 'must be object (type)'],
    ['a wrong type', { properties: { 'a/b': { type: 'number' } } }, { 'a/b': '1' }, '/a~1b', 'must be number (type)'],
    [
      'none of the allowed',
      { properties: { a: { enum: ['passed', 'failed'] } } },
      { a: 'lost' },
      '/a',
      'must be one of "passed","failed" (enum)',
    ],
    ['not the one allowed', { properties: { a: { const: 1 } } }, { a: 2 }, '/a', 'must be 1 (const)'],
    ['a missing property', { required: ['id'] }, {}, '', 'must have the property "id" (required)'],
    // Every object has inherited ones of these names.
    [
      'one that is only inherited',
      { required: ['constructor'] },
      {},
      '',
      'must have the property "constructor" (required)',
    ],
    [
      'one too many',
      { additionalProperties: false },
      { extra: 1 },
      '',
      'must not have the property "extra" (additionalProperties)',
    ],
    ['one that is never allowed', { properties: { a: false } }, { a: 1 }, '/a', 'must not be there (false schema)'],
    [
      'an item twice',
      { properties: { a: { uniqueItems: true } } },
      {
        a: [
          { x: 1, y: [2] },
          { y: [2], x: 1 },
        ],
      },
      '/a',
      'must not have an item twice (uniqueItems)',
    ],
    [
      'a number that is too large for one',
      { properties: { a: { type: 'number' } } },
      { a: Infinity },
      '/a',
      'must be number (type)',
    ],
    [
      'what none of the alternatives takes',
      { anyOf: [{ required: ['a'] }, { required: ['b'] }] },
      {},
      '',
      'must match a schema in anyOf (anyOf)',
    ],
    [
      'what a condition asks for',
      JSON.parse('{"if": {"required": ["a"]}, "then": {"required": ["b"]}}'),
      { a: 1 },
      '',
      'must have the property "b" (required)',
    ],
  ])('%s', (_, schema, data, pointer, rule) => {
    expect(rules.compile({ type: 'object', ...schema })(data)).toEqual({ pointer, rule })
  })

  test('and data that fits is not, format being an annotation', () => {
    const rule = ruleOf({ url: { type: 'string', format: 'uri' }, list: { uniqueItems: true } }, { required: ['url'] })
    expect(rule({ url: 'not a URI', list: [1, '1', [1], { a: 1 }, { a: 2 }], more: null })).toBeUndefined()
  })
})

describe('what a publisher sends cannot hold up the hub', () => {
  const long = 'a'.repeat(4097)
  const pattern = '^a*$'

  test.each<[string, Schema, unknown]>([
    ['a value', { properties: { a: { pattern } } }, { a: long }],
    ['a value that must not match', { properties: { a: { not: { pattern: '^b' } } } }, { a: long }],
    ['a name among patterns', { patternProperties: { '^b': false } }, { [long]: 1 }],
  ])('text of more than 4096 characters is refused, not tested, where a pattern applies: %s', (_, schema, data) => {
    const rule = rules.compile({ type: 'object', ...schema })
    expect(rule(data)).toEqual({
      pointer: '',
      rule: 'has text of more than 4096 characters where a pattern is to be kept (pattern)',
    })
    const text = JSON.stringify(data).replace(long, long.slice(1))
    expect(rule(JSON.parse(text))).toBeUndefined()
  })

  test('80,000 objects are told apart without comparing each with each', async () => {
    const rule = ruleOf({ a: { uniqueItems: true } })
    const items = Array.from({ length: 80_000 }, (_, id) => ({ id }))
    // Each with each takes minutes.
    expect(await cpuMs(() => expect(rule({ a: items })).toBeUndefined())).toBeLessThan(5000)
  })

  test('a place with a long name is told of by what is above it, and a long name is cut', () => {
    const name = 'n'.repeat(10_000)
    const rule = ruleOf({ a: { additionalProperties: { type: 'number' } } }, { additionalProperties: false })
    expect(rule({ a: { [name]: 'x' } })).toEqual({ pointer: '/a', rule: 'must be number (type)' })
    expect(rule({ [name]: 'x' })!.rule.length).toBeLessThan(200)
  })
})
