import { expect, test } from 'bun:test'
import { HubError } from '../../src/core/errors.ts'
import { filterSchema } from '../../src/schemas/filter-schema.ts'

const payload = {
  type: 'object',
  properties: {
    branch: { type: 'string', description: 'Of the repository.', default: 'main', $comment: 'x' },
    outcome: { enum: ['passed', 'failed'] },
    build: { $ref: '#/$defs/build' },
    steps: { type: 'array', prefixItems: [{ type: 'integer' }], items: { type: ['object', 'null', 'string'] } },
    loop: { $ref: '#/properties/loop' },
    'a/b': { type: 'boolean' },
    any: {},
  },
  $defs: {
    build: { type: 'object', properties: { number: { $ref: '#/$defs/a%20number' } } },
    'a number': { minimum: 1, type: 'integer' },
  },
}

test.each<[string, string, object]>([
  [
    'is the type at its place and what it says of it, without its default',
    '/branch',
    { type: 'string', description: 'Of the repository.' },
  ],
  ['is the list of values at its place', '/outcome', { enum: ['passed', 'failed'] }],
  ['follows references inside the schema', '/build/number', { type: 'integer', minimum: 1 }],
  ['looks into lists, at their first items', '/steps/0', { type: 'integer' }],
  ['looks into lists, at their other items, and leaves objects out', '/steps/1', { type: ['null', 'string'] }],
  ['unescapes names', '/a~1b', { type: 'boolean' }],
  ['is text where nothing says what is there', '/any', { type: 'string' }],
  ['is text where the schema knows no such place', '/else/where', { type: 'string' }],
  ['is text where only an inherited name leads', '/constructor', { type: 'string' }],
  ['is text where references go round', '/loop', { type: 'string' }],
])('the argument of a filter %s', (_, pointer, schema) => {
  expect(filterSchema(payload, pointer)).toEqual(schema as never)
})

test.each(['/build', '/steps'])('a filter on an object or a list (%s) is refused', (pointer) => {
  expect(() => filterSchema(payload, pointer)).toThrow(HubError)
})
