import { HubError } from './errors.ts'
import type { Draft } from './event.ts'
import { requireId } from './event-id.ts'
import { requireTime } from './event-time.ts'
import { DEFAULT_TYPE, requireType } from './event-type.ts'
import { MAX_JSON_DEPTH, requireJsonDepth } from './json-depth.ts'
import { didYouMean, quoted } from './suggest.ts'
import { DEFAULT_TOPIC, requireTopic } from './topic.ts'

/** Of `data` as JSON: an MCP Events body with the event in it then stays below that protocol's 256 KiB. */
export const MAX_DATA_BYTES = 252 * 1024

/** What an event object may hold; `data` alone is required. */
export const EVENT_FIELDS = ['topic', 'type', 'data', 'id', 'time'] as const

/** A JSON string escapes a UTF-16 unit to at most six bytes (`\u001f`), between two quotes. */
const LARGEST_ESCAPE = 6

/** A request body that is the data, with what path, query and headers said about it. */
export interface RawEvent {
  topic: string
  type: string
  id: string | null
  time: string | null
  body: string
}

/**
 * An event object as JSON.parse made it: `{topic?, type?, data, id?, time?}`. Its nesting was limited before parsing
 * (`requireJsonDepth`, one level more than data may have). Error pointers are relative to the object.
 * @throws HubError `invalid-event`, `invalid-topic`, `invalid-type`, `invalid-id`, `invalid-time`, `event-too-large`
 */
export function draftFrom(value: unknown): Draft {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new HubError(
      'invalid-event',
      'An event is a JSON object such as {"topic": "orders/42", "data": {"total": 99}}.',
    )
  }
  let topic = DEFAULT_TOPIC
  let type = DEFAULT_TYPE
  let id: string | null = null
  let time: string | null = null
  let data: unknown
  for (const field in value) {
    const content = (value as Record<string, unknown>)[field]
    if (field === 'data') data = content
    else if (field === 'topic') topic = requireTopic(requireText(content, field))
    else if (field === 'type') type = requireType(requireText(content, field))
    else if (field === 'id') id = requireId(requireText(content, field))
    else if (field === 'time') time = requireTime(requireText(content, field))
    else throw unknownField(field)
  }
  if (data === undefined) {
    throw new HubError('invalid-event', 'An event needs data; send "data": null if there is nothing to say.', {
      pointer: '/data',
    })
  }
  if (typeof data === 'string') return draft(topic, type, data.toWellFormed(), true, id, time)
  return draft(topic, type, jsonOf(data), false, id, time)
}

/**
 * Makes the event of a body that is the data: valid JSON stays the text it is, a JSON string is the text it stands
 * for, everything else is text.
 * @throws HubError as `draftFrom`, and `invalid-json` for JSON that nests too deep
 */
export function draftFromBody(raw: RawEvent): Draft {
  const topic = requireTopic(raw.topic)
  const type = requireType(raw.type)
  const id = raw.id === null ? null : requireId(raw.id)
  const time = raw.time === null ? null : requireTime(raw.time)
  const value = parsedBody(raw.body)
  if (value === undefined) return draft(topic, type, raw.body.toWellFormed(), true, id, time)
  if (typeof value === 'string') return draft(topic, type, value.toWellFormed(), true, id, time)
  return draft(topic, type, raw.body, false, id, time)
}

function draft(
  topic: string,
  type: string,
  data: string,
  isText: boolean,
  id: string | null,
  time: string | null,
): Draft {
  const size = Buffer.byteLength(data)
  if (jsonBytes(data, isText, size) > MAX_DATA_BYTES) {
    throw new HubError(
      'event-too-large',
      `The data of an event has at most ${MAX_DATA_BYTES} bytes as JSON; publish a link to larger things.`,
      { pointer: '/data' },
    )
  }
  const bytes = Buffer.byteLength(topic) + Buffer.byteLength(type) + (id === null ? 0 : Buffer.byteLength(id)) + size
  return { topic, type, data, isText, id, time, bytes }
}

function jsonBytes(data: string, isText: boolean, size: number): number {
  if (!isText) return size
  if (size * LARGEST_ESCAPE + 2 <= MAX_DATA_BYTES) return size
  return size > MAX_DATA_BYTES ? size : Buffer.byteLength(JSON.stringify(data))
}

/** `undefined` for what is not JSON. */
function parsedBody(body: string): unknown {
  let tooDeep: HubError | undefined
  try {
    requireJsonDepth(body, MAX_JSON_DEPTH, '/data')
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    tooDeep = error
  }
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw tooDeep ?? error
  }
  // Text with many open brackets may be anything; JSON that deep would overflow what reads it later.
  if (tooDeep) throw tooDeep
  return value
}

function jsonOf(data: unknown): string {
  const text = JSON.stringify(data)
  // JSON.stringify writes null for a number that JSON.parse read as Infinity (1e999): the event would not say what was sent.
  if (text.includes('null') && !hasFiniteNumbers(data)) {
    throw new HubError(
      'invalid-event',
      'A number in the data is larger than a JavaScript number; send it as a string, or post the data alone to /events/{topic}.',
      { pointer: '/data' },
    )
  }
  return text
}

/** Whether every number inside is finite. Recursion ends with the nesting limit. */
function hasFiniteNumbers(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return true
  return Array.isArray(value) ? value.every(hasFiniteNumbers) : Object.values(value).every(hasFiniteNumbers)
}

function requireText(value: unknown, field: string): string {
  if (typeof value === 'string') return value
  throw new HubError('invalid-event', `The ${field} of an event is a string.`, { pointer: `/${field}` })
}

function unknownField(field: string): HubError {
  const hint = didYouMean(field, EVENT_FIELDS) || ` An event has ${EVENT_FIELDS.join(', ')}.`
  // RFC 6901 escapes; a name of megabytes would come back as the answer.
  const escaped = field.length > 64 ? '' : field.toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1')
  const pointer = field.length > 64 ? undefined : `/${escaped}`
  return new HubError('invalid-event', `An event has no field ${quoted(field)}.${hint}`, { pointer })
}
