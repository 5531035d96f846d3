import { isDeepStrictEqual } from 'node:util'
import { intersectTypes } from '../../core/event-type.ts'
import { type CheckedEventType, type EventTypeFilter, isDeliverable } from '../../core/event-types.ts'
import { filterOf } from '../../core/filter.ts'
import { narrowFilter } from '../../core/grants.ts'
import { pointerNames, valueAt } from '../../core/json-pointer.ts'
import { overlaps } from '../../core/pattern.ts'
import { badArgument, noOtherArguments } from './arguments.ts'
import { BOTH_MODES, type EventType, type Payload } from './event-type.ts'

/** What of a filter's schema is shown: what an argument is checked by, and words. */
const SHOWN = ['type', 'enum', 'const', 'title', 'description', 'examples'] as const

interface Argument {
  schema: Record<string, unknown>
  /** Where in the data it is compared. */
  names: readonly string[]
}

/** A type of the configuration as agents are offered it: the payload is the data itself, the arguments are its filters. */
export function declaredEvent(declared: CheckedEventType): EventType {
  const { name, description, topic, type, payloadSchema, filters, fits } = declared
  const args = new Map(filters.map((filter) => [filter.argument, argumentOf(filter)]))
  const properties = Object.fromEntries([...args].map(([argument, { schema }]) => [argument, schema]))
  const asked = filterOf([topic], type ? [type] : [])
  return {
    descriptor: {
      name,
      description,
      delivery: BOTH_MODES,
      inputSchema: { type: 'object', properties, additionalProperties: false },
      payloadSchema,
    },
    offered: ({ subscribe, types }) =>
      subscribe.some((pattern) => overlaps(pattern, topic)) && intersectTypes(asked.types, types) !== undefined,
    wanted(values, grants) {
      noOtherArguments(values, [...args.keys()])
      const compared = Object.entries(values).map(([argument, value]) => {
        const { schema, names } = args.get(argument)!
        requireValue(argument, value, schema)
        return { names, value }
      })
      const matches = (payload: Payload): boolean =>
        compared.every(({ names, value }) => isDeepStrictEqual(valueAt(payload, names), value))
      return { filter: narrowFilter(asked, grants), matches: compared.length > 0 ? matches : undefined }
    },
    payload(event) {
      if (event.isText) return undefined
      const data: unknown = JSON.parse(event.data)
      const isObject = typeof data === 'object' && data !== null && !Array.isArray(data)
      const isTrue = isObject && fits(data) === undefined && isDeliverable(data, event.bytes)
      return isTrue ? (data as Payload) : undefined
    },
  }
}

function argumentOf({ pointer, schema }: EventTypeFilter): Argument {
  const shown = SHOWN.flatMap((keyword) => (schema[keyword] === undefined ? [] : [[keyword, schema[keyword]] as const]))
  return { schema: Object.fromEntries(shown), names: pointerNames(pointer) }
}

/** @throws HubError `invalid-arguments` */
function requireValue(argument: string, value: unknown, schema: Argument['schema']): void {
  const types = schema.type === undefined ? [] : [schema.type].flat()
  if (types.length > 0 && !types.some((type) => isOf(value, type))) {
    throw badArgument(argument, `is of type ${types.join(' or ')}`)
  }
  const allowed = Array.isArray(schema.enum) ? schema.enum : 'const' in schema ? [schema.const] : undefined
  if (allowed && !allowed.some((each) => isDeepStrictEqual(each, value))) {
    throw badArgument(argument, `is one of ${JSON.stringify(allowed).slice(1, -1)}`)
  }
}

function isOf(value: unknown, type: unknown): boolean {
  if (type === 'null') return value === null
  if (type === 'integer') return Number.isInteger(value)
  return typeof value === type
}
