import { HubError } from '../core/errors.ts'
import { quoted } from '../core/suggest.ts'

const DIALECT = 'https://json-schema.org/draft/2020-12/schema'
/** Where instances stand, not schemas. */
const INSTANCES = new Set(['const', 'enum', 'default', 'examples'])

/**
 * What is asked of a payload schema besides being a JSON Schema: of type object, of the one dialect, complete by itself.
 * @throws HubError `invalid-config`, a sentence about the place inside the schema
 */
export function requirePayloadSchema(schema: Readonly<Record<string, unknown>>): void {
  const { $schema: dialect } = schema
  if (dialect !== undefined && dialect !== DIALECT && dialect !== `${DIALECT}#`) {
    throw refused(`/$schema must be ${quoted(DIALECT)}, or left out.`)
  }
  if (schema.type !== 'object') throw refused('it must have type = "object": the payload of an event is an object.')
  requireOwn(schema, '')
}

function requireOwn(value: unknown, pointer: string): void {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) requireOwn(item, `${pointer}/${index}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return
  for (const [name, inner] of Object.entries(value)) {
    const place = `${pointer}/${name}`
    if ((name === '$ref' || name === '$dynamicRef') && typeof inner === 'string' && !inner.startsWith('#')) {
      // Nothing is fetched, here or by those who read the schema.
      throw refused(`${place} must point into the schema itself, such as "#/$defs/name"; copy what it means to there.`)
    }
    if (name === '$async' && inner === true) throw refused(`${place} is not JSON Schema; leave it out.`)
    if (!INSTANCES.has(name)) requireOwn(inner, place)
  }
}

function refused(sentence: string): HubError {
  return new HubError('invalid-config', sentence)
}
