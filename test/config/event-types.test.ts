import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ConfiguredEventType } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { HubError } from '../../src/core/errors.ts'
import { tempDir } from '../support/temp-dir.ts'

function eventTypesOf(file: string, env: Record<string, string> = {}): readonly ConfiguredEventType[] | string {
  using dir = tempDir()
  writeFileSync(join(dir.path, 'mcp-sse.toml'), file)
  try {
    const sources = { mode: 'source', cwd: dir.path, env: { HOME: dir.path, ...env }, descriptors: 1000 } as const
    return loadConfig(sources).config.eventTypes
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    return error.message
  }
}

const HEAD = '[[event_types]]\nname = "build.finished"\ndescription = "A build has ended."\ntopic = "builds/**"\n'
const SCHEMA = 'payload_schema = { type = "object" }\n'

describe('an event type is read', () => {
  const whole: ConfiguredEventType = {
    name: 'build.finished',
    description: 'A build has ended.',
    topic: 'builds/**',
    type: 'build.*',
    payloadSchema: { type: 'object', properties: { branch: { $ref: '#/$defs/b' } }, $defs: { b: { type: 'string' } } },
    filters: { branch: '/branch' },
  }

  test.each([
    [
      'with its schema as tables',
      'type = "build.*"\nfilters = { branch = "/branch" }\n[event_types.payload_schema]\ntype = "object"\nproperties.branch."$ref" = "#/$defs/b"\n[event_types.payload_schema."$defs".b]\ntype = "string"\n',
    ],
    [
      'with its schema as the text of its JSON',
      `type = "build.*"\nfilters.branch = "/branch"\npayload_schema = '''\n${JSON.stringify(whole.payloadSchema, null, 2)}\n'''\n`,
    ],
  ])('%s', (_, lines) => {
    expect(eventTypesOf(HEAD + lines)).toEqual([whole])
  })

  test('with every type and no filters when it names none', () => {
    expect(eventTypesOf(HEAD + SCHEMA)).toEqual([
      { ...whole, type: undefined, payloadSchema: { type: 'object' }, filters: {} },
    ])
  })

  test('from a variable', () => {
    const value = [{ name: 'a', description: 'b', topic: 'c', payload_schema: { type: 'object' } }]
    expect(eventTypesOf('', { MCP_SSE_EVENT_TYPES: JSON.stringify(value) })).toHaveLength(1)
  })
})

const at = 'mcp-sse.toml:1: event_types[0]'
const NAME = 'allowed is a name of 1 to 128 letters, digits and . _ -.'

describe('an event type is refused with its line and what is allowed', () => {
  test.each([
    ['with the name of the one that is there', 'name = "topic.event"', `${at}.name = topic.event is refused; ${NAME}`],
    ['with a space in its name', 'name = "a b"', `${at}.name = a b is refused; ${NAME}`],
    ['with a name too long', `name = "${'a'.repeat(129)}"`, NAME],
    [
      'without saying what it is',
      'description = " "',
      `${at}.description =   is refused; allowed is a text of 1 to 2000`,
    ],
    ['with a topic that is no pattern', 'topic = "a*"', `${at}.topic = a* is refused; allowed is a topic pattern`],
    ['with a type that is none', 'type = "a b"', `${at}.type = a b is refused; allowed is a type such as order.paid`],
    ['with a pointer that is none', 'filters = { a = "b" }', 'A pointer begins with a slash (RFC 6901).'],
    ['with a filter on all of the data', 'filters = { a = "" }', 'A pointer begins with a slash (RFC 6901).'],
    ['with an argument that is no name', 'filters = { "a b" = "/b" }', 'An argument has 1 to 64 letters'],
    [
      'with more filters than 32',
      `filters = { ${Array.from({ length: 33 }, (_, i) => `a${i} = "/a"`)} }`,
      'at most 32',
    ],
    [
      'whose payload is no object',
      'payload_schema = { type = "string" }',
      `${at}.payload_schema = {"type":"string"} is`,
    ],
    ['whose schema is no JSON', "payload_schema = '{type: object}'", 'allowed is a JSON Schema with type = "object"'],
    ['with a key it does not know', 'schema = {}', `${at} has no key "schema".`],
  ])('%s', (_, line, words) => {
    const key = line.slice(0, line.indexOf(' '))
    const rest = (HEAD + SCHEMA).split('\n').filter((other) => !other.startsWith(`${key} `))
    expect(eventTypesOf([...rest, line].join('\n'))).toContain(words)
  })

  test('that is one too many, or has the name of another', () => {
    const one = HEAD + SCHEMA
    expect(eventTypesOf(one.repeat(257))).toContain('allowed is a list of at most 256 tables {name, description, topic')
    expect(eventTypesOf(one.repeat(2))).toBe(
      'mcp-sse.toml:1: event_types has the name "build.finished" twice; readers ask by it. Rename one.',
    )
  })
})
