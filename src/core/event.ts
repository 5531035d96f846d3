import { formatCursor } from './cursor.ts'

/** What a publisher hands in, already checked (`draft.ts` makes them). */
export interface Draft {
  topic: string
  type: string
  /** The data as readers see it: the text itself, or JSON exactly as it was sent. */
  data: string
  /** Whether `data` is text (a JSON string) rather than JSON. */
  isText: boolean
  /** The publisher's id, or null for one made from the cursor. */
  id: string | null
  /** The publisher's time as it was sent, or null for the receipt time. */
  time: string | null
  /** UTF-8 size of topic, type, id and data together: what queues and retention count. */
  bytes: number
}

/** A published, numbered fact, as the log holds it. Never changed after it was made. */
export interface StoredEvent extends Draft {
  offset: number
  epoch: string
  /** The log's own receipt time in milliseconds; never below that of an earlier event. */
  received: number
}

/** What an event in memory weighs besides its text: the object, its strings' headers, its place in arrays (measured). */
export const EVENT_OVERHEAD_BYTES = 200

/** The public shape (DESIGN 3.1). */
export interface EventDocument {
  id: string
  cursor: string
  topic: string
  type: string
  time: string
  data: unknown
}

export function eventCursor(event: { epoch: string; offset: number }): string {
  return formatCursor(event.epoch, event.offset)
}

export function eventId(event: { id: string | null; epoch: string; offset: number }): string {
  return event.id ?? `evt_${event.epoch}_${event.offset}`
}

export function eventTime(event: { time: string | null; received: number }): string {
  return event.time ?? new Date(event.received).toISOString()
}

/** `data` as JSON text. A JSON body keeps its exact text, white space and big numbers included. */
export function eventDataJson(event: { data: string; isText: boolean }): string {
  return event.isText ? JSON.stringify(event.data) : event.data
}

/** The whole event as JSON text: what `envelope=1`, `ndjson` and history send. May contain newlines inside `data`. */
export function eventJson(event: StoredEvent): string {
  return (
    `{"id":${JSON.stringify(eventId(event))},"cursor":"${eventCursor(event)}","topic":${JSON.stringify(event.topic)},` +
    `"type":${JSON.stringify(event.type)},"time":"${eventTime(event)}","data":${eventDataJson(event)}}`
  )
}
