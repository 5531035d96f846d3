import type { EncodeEvents } from '../core/batch.ts'
import { eventCursor, eventJson, type StoredEvent } from '../core/event.ts'
import { DEFAULT_TYPE } from '../core/event-type.ts'
import { oneLine } from '../core/one-line.ts'

/**
 * Event → frame, pure (docs/wire.md section 2; WHATWG HTML, "Server-sent events", 9.2.5 and 9.2.6). No input can forge a
 * frame: `type` and the cursor cannot hold a line break (checked at publish), and data is split at every break the
 * parser knows: CRLF, LF and a lone CR.
 */
const utf8 = new TextEncoder()
const LINE_BREAK = /\r\n|\r|\n/
const ANY_BREAK = /[\r\n]/

function dataLines(text: string): string {
  if (!ANY_BREAK.test(text)) return `data: ${text}\n`
  let lines = ''
  for (const line of text.split(LINE_BREAK)) lines += `data: ${line}\n`
  return lines
}

export function frame(event: StoredEvent): string {
  const type = event.type === DEFAULT_TYPE ? '' : `event: ${event.type}\n`
  return `id: ${eventCursor(event)}\n${type}${dataLines(event.data)}\n`
}

/** No `event:` field: one `onmessage` sees every type. */
export function envelopeFrame(event: StoredEvent): string {
  return `id: ${eventCursor(event)}\n${dataLines(eventJson(event))}\n`
}

export function eventLine(event: StoredEvent): string {
  return `${oneLine(eventJson(event))}\n`
}

/** A control event (docs/wire.md section 4). `id` only where it is this stream's own position. */
export function controlFrame(type: string, data: object, id: string | undefined): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`
}

/** A position without an event: the client adopts it, no handler runs. */
export function positionFrame(id: string): string {
  return `:\nid: ${id}\n\n`
}

export function retryField(retryMs: number): string {
  return `retry: ${Math.round(retryMs)}\n\n`
}

function joined(one: (event: StoredEvent) => string): EncodeEvents {
  return (events) => {
    let text = ''
    for (const event of events) text += one(event)
    return utf8.encode(text)
  }
}

/** One function object per format for the whole process: batches keep their bytes by it. */
export const encodeFrames = joined(frame)
export const encodeEnvelopes = joined(envelopeFrame)
export const encodeLines = joined(eventLine)

export function encodeText(text: string): Uint8Array {
  return utf8.encode(text)
}
