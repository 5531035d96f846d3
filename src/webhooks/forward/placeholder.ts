import { HubError } from '../../core/errors.ts'
import { eventCursor, eventDataJson, eventTime, type StoredEvent } from '../../core/event.ts'
import { isPointer, pointerNames, valueAt } from '../../core/json-pointer.ts'

/** One event while templates are filled with it: its data is parsed once, if at all. */
export class Filling {
  readonly event: StoredEvent
  #data: unknown
  #parsed = false

  constructor(event: StoredEvent) {
    this.event = event
  }

  /** What is at a place in the data; `undefined`: nothing. */
  at(names: readonly string[]): unknown {
    if (!this.#parsed) this.#data = this.event.isText ? this.event.data : parseExact(this.event.data)
    this.#parsed = true
    return valueAt(this.#data, names)
  }
}

/** What stands between `{{` and `}}`. */
export interface Placeholder {
  /** As one JSON value. */
  json(filling: Filling): string
  /** As part of a text: a text as itself, anything else as its JSON, nothing as nothing. */
  text(filling: Filling): string
}

/** A stretch of a text: literal, or to be filled. */
export type Piece = string | Placeholder

const NAMES: Readonly<Record<string, (event: StoredEvent) => string>> = {
  topic: (event) => event.topic,
  type: (event) => event.type,
  id: forwardedId,
  cursor: eventCursor,
  time: eventTime,
}

/** The publisher's id, else one that is the same whenever the event is sent: hubs keep `evt_…` for their own. */
export function forwardedId(event: StoredEvent): string {
  return event.id ?? messageId(event)
}

/** `webhook-id`, whatever the publisher called it. */
export function messageId({ epoch, offset }: StoredEvent): string {
  return `${epoch}-${offset}`
}

/** @throws HubError `invalid-config` for a placeholder that is none, without the text around it, which may be secret */
export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = []
  let at = 0
  for (;;) {
    const start = text.indexOf('{{', at)
    if (start < 0) break
    const end = text.indexOf('}}', start)
    if (end < 0)
      throw new HubError('invalid-config', 'A placeholder begins with {{ and ends nowhere; close it with }}.')
    if (start > at) pieces.push(text.slice(at, start))
    pieces.push(placeholder(text.slice(start + 2, end).trim()))
    at = end + 2
  }
  if (at < text.length) pieces.push(text.slice(at))
  return pieces
}

/** Each piece in turn; what a placeholder gives is not looked at again. */
export function fill(pieces: readonly Piece[], filling: Filling): string {
  return pieces.map((piece) => (typeof piece === 'string' ? piece : piece.text(filling))).join('')
}

function placeholder(name: string): Placeholder {
  if (name === 'data') return DATA
  if (name.startsWith('data/') && isPointer(name.slice(4))) return inData(pointerNames(name.slice(4)))
  const of = Object.hasOwn(NAMES, name) ? NAMES[name] : undefined
  if (of) return { json: ({ event }) => JSON.stringify(of(event)), text: ({ event }) => of(event) }
  throw new HubError(
    'invalid-config',
    `There is no placeholder {{${name.length > 64 ? `${name.slice(0, 64)}…` : name}}}; there are {{${[...Object.keys(NAMES), 'data', 'data/place/in/it'].join('}} {{')}}}.`,
  )
}

const DATA: Placeholder = { json: ({ event }) => eventDataJson(event), text: ({ event }) => event.data }

function inData(names: readonly string[]): Placeholder {
  return {
    json: (filling) => JSON.stringify(filling.at(names)) ?? 'null',
    text: (filling) => {
      const value = filling.at(names)
      return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
    },
  }
}

type Source = { source?: string }
const exactly = JSON as typeof JSON & { rawJSON(text: string): unknown }
/** More digits than every JavaScript number holds, or a form that it would be given back in another. */
const LONG_NUMBER = /\d{16}|\d[eE.]/

/** Numbers come out again as they were written, however long: `JSON.parse` alone would round ids of 17 digits. */
export function parseExact(json: string): unknown {
  if (!LONG_NUMBER.test(json)) return JSON.parse(json)
  return JSON.parse(json, (_, value: unknown, { source }: Source = {}) =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? exactly.rawJSON(source) : value,
  )
}
