import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventTypesOf } from '../../../src/cli/serve/event-types.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { tempDir } from '../../support/temp-dir.ts'

function typesOf(...tables: string[]) {
  using dir = tempDir()
  const head = (name: string) => `[[event_types]]\nname = "${name}"\ndescription = "d"\ntopic = "t/*"\n`
  writeFileSync(join(dir.path, 'mcp-sse.toml'), tables.map((table, index) => `${head(`n${index}`)}${table}\n`).join(''))
  return eventTypesOf(loadConfig({ mode: 'source', cwd: dir.path, env: { HOME: dir.path }, descriptors: 1000 }))
}

test('declared event types are compiled, their filters with the schema of their place', async () => {
  const { declared } = await typesOf(
    'type = "x.*"\nfilters = { a = "/a", b = "/b" }\npayload_schema = { type = "object", properties.a.type = "integer" }',
  )
  expect(declared).toEqual([
    {
      name: 'n0',
      description: 'd',
      topic: expect.objectContaining({ text: 't/*' }),
      type: { text: 'x.', prefix: true },
      payloadSchema: { type: 'object', properties: { a: { type: 'integer' } } },
      filters: [
        { argument: 'a', pointer: '/a', schema: { type: 'integer' } },
        { argument: 'b', pointer: '/b', schema: { type: 'string' } },
      ],
      fits: expect.any(Function),
    },
  ])
  expect(declared[0]!.fits({ a: 1.5 })).toEqual({ pointer: '/a', rule: 'must be integer (type)' })
})

test('every event type that cannot be checked is named with its source, key and what is wrong, one a line', async () => {
  const refused = typesOf(
    'payload_schema = { type = "object", requird = ["a"] }',
    'payload_schema = { type = "object" }',
    'payload_schema = { type = "object", properties.a."$ref" = "https://schemas.example/a.json" }',
    'filters = { a = "/a" }\npayload_schema = { type = "object", properties.a.type = "array" }',
  )
  const message = await refused.then(String, ({ code, message }) => `${code}\n${message}`)
  expect(message.split('\n')).toEqual([
    'invalid-config',
    'mcp-sse.toml:1: event_types[0].payload_schema (n0) is refused: unknown keyword: "requird".',
    'mcp-sse.toml:1: event_types[2].payload_schema (n2) is refused: /properties/a/$ref must point into the schema itself, such as "#/$defs/name"; copy what it means to there.',
    'mcp-sse.toml:1: event_types[3].filters.a (n3) is refused: an object or a list is there; a filter compares text, a number or a boolean.',
  ])
})
