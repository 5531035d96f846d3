import * as z from 'zod'
import { HubError } from '../core/errors.ts'
import { parseTypeFilter } from '../core/event-type.ts'
import { BUILT_IN_EVENT_TYPE } from '../core/event-types.ts'
import { isPointer } from '../core/json-pointer.ts'
import { pattern, refuse, sentence, tables } from './value.ts'

const MAX_EVENT_TYPES = 256
const MAX_FILTERS = 32
const MAX_DESCRIPTION = 2000
const NAME = /^[A-Za-z0-9._-]{1,128}$/
const ARGUMENT = /^[A-Za-z0-9_.-]{1,64}$/
const MAX_POINTER = 256

/** Kinds of events that agents are told of. */
export function eventTypes() {
  const table = z.strictObject({
    name: name(),
    description: description(),
    topic: pattern(),
    type: typeFilter().optional(),
    payload_schema: payloadSchema(),
    filters: filters().optional(),
  })
  const allowed = `a list of at most ${MAX_EVENT_TYPES} tables {${Object.keys(table.shape).join(', ')}}`
  return tables(table, { allowed, maximum: MAX_EVENT_TYPES })
}

function name() {
  const allowed = 'a name of 1 to 128 letters, digits and . _ -'
  return z.string({ error: sentence(allowed) }).superRefine((text, context) => {
    if (!NAME.test(text)) refuse(context, allowed)
    else if (text === BUILT_IN_EVENT_TYPE) refuse(context, allowed, 'The one with this name is always there.')
  })
}

function description() {
  const allowed = `a text of 1 to ${MAX_DESCRIPTION} characters that says when such an event happens; agents choose by it`
  return z
    .string({ error: sentence(allowed) })
    .refine((text) => text.trim() !== '' && text.length <= MAX_DESCRIPTION, { error: sentence(allowed) })
}

function typeFilter() {
  const allowed = 'a type such as order.paid, or a prefix such as order.*'
  return z.string({ error: sentence(allowed) }).superRefine((text, context) => {
    try {
      parseTypeFilter(text)
    } catch (error) {
      if (!(error instanceof HubError)) throw error
      refuse(context, allowed, error.message)
    }
  })
}

/** A table, or its JSON as text, as schemas are found elsewhere. The rest of it is checked by who compiles it. */
function payloadSchema() {
  const allowed = 'a JSON Schema with type = "object", as a table or as the text of its JSON'
  return z.unknown().transform((value, context): Record<string, unknown> => {
    const schema = jsonOf(value)
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return refuse(context, allowed)
    const read = schema as Record<string, unknown>
    return read.type === 'object' ? read : refuse(context, allowed)
  })
}

/** TOML also has times, which JSON has as text. `undefined` for what is not JSON. */
function jsonOf(value: unknown): unknown {
  try {
    return JSON.parse(typeof value === 'string' ? value : JSON.stringify(value))
  } catch {
    return undefined
  }
}

function filters() {
  const allowed = `at most ${MAX_FILTERS} arguments, each with a JSON pointer into the data: { branch = "/build/branch" }`
  return z.unknown().transform((value, context): Record<string, string> => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(context, allowed)
    const pairs = Object.entries(value)
    if (pairs.length > MAX_FILTERS) return refuse(context, allowed)
    for (const [argument, pointer] of pairs) {
      if (!ARGUMENT.test(argument)) return refuse(context, allowed, 'An argument has 1 to 64 letters, digits and _ . -')
      const isPlace =
        typeof pointer === 'string' && pointer !== '' && pointer.length <= MAX_POINTER && isPointer(pointer)
      if (!isPlace) return refuse(context, allowed, 'A pointer begins with a slash (RFC 6901).')
    }
    return Object.fromEntries(pairs)
  })
}
