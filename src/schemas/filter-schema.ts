import { HubError } from '../core/errors.ts'
import { pointerNames } from '../core/json-pointer.ts'

type Schema = Readonly<Record<string, unknown>>

/** What is taken over: all that says which text, number or boolean it may be. A `default` would be one of the filter. */
const KEYWORDS = [
  'type',
  'enum',
  'const',
  'title',
  'description',
  'examples',
  'format',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
] as const

const COMPOUND = new Set<unknown>(['object', 'array'])
const MOST_REFERENCES = 16

/**
 * What a filter on the place at `pointer` may be given, by the payload schema: the `properties` and `items` that lead
 * there are followed, and `$ref` inside the schema. `{type: 'string'}` where they say nothing of it.
 * @throws HubError `invalid-config` when an object or a list is there
 */
export function filterSchema(payloadSchema: Schema, pointer: string): Schema {
  let place: Schema | undefined = payloadSchema
  for (const name of pointerNames(pointer)) {
    place = place && resolved(payloadSchema, inside(place, name))
  }
  const schema: Record<string, unknown> = {}
  for (const keyword of KEYWORDS) if (place?.[keyword] !== undefined) schema[keyword] = place[keyword]
  if (schema.type !== undefined) {
    const types = [schema.type].flat().filter((type) => !COMPOUND.has(type))
    if (types.length === 0) {
      throw new HubError(
        'invalid-config',
        'an object or a list is there; a filter compares text, a number or a boolean.',
      )
    }
    schema.type = types.length === 1 ? types[0] : types
  } else if (schema.enum === undefined && schema.const === undefined) schema.type = 'string'
  return schema
}

function inside(schema: Schema, name: string): unknown {
  const properties = asSchema(schema.properties)
  if (properties && Object.hasOwn(properties, name)) return properties[name]
  if (!/^(0|[1-9]\d*)$/.test(name)) return undefined
  const first = Array.isArray(schema.prefixItems) ? schema.prefixItems : []
  return Number(name) < first.length ? first[Number(name)] : schema.items
}

function resolved(root: Schema, value: unknown): Schema | undefined {
  let schema = asSchema(value)
  for (let count = 0; typeof schema?.$ref === 'string'; count++) {
    const reference: string = schema.$ref
    if (count === MOST_REFERENCES || !/^#(\/|$)/.test(reference)) return undefined
    let target: unknown = root
    for (const name of pointerNames(decodeURIComponent(reference.slice(1)))) {
      const holder = asSchema(target)
      target = holder && Object.hasOwn(holder, name) ? holder[name] : undefined
    }
    schema = asSchema(target)
  }
  return schema
}

function asSchema(value: unknown): Schema | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Schema) : undefined
}
