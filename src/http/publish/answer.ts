import { eventCursor, eventId, eventTime } from '../../core/event.ts'
import type { Receipt } from '../../core/event-log.ts'
import { jsonAnswer } from '../json-answer.ts'

/** What a publisher is told about one event. */
export interface PublishedEvent {
  id: string
  cursor: string
  topic: string
  type: string
  time: string
  /** It was there already; all other fields are the first one's. */
  duplicate?: true
}

/** 201 when anything was stored, 200 when all were there already. */
export function publishedOne(receipt: Receipt): Response {
  return jsonAnswer(JSON.stringify(publishedEvent(receipt)), receipt.duplicate ? 200 : 201)
}

/** `cursor` is the newest of the batch: a reader that starts there has seen all of it. */
export function publishedBatch(receipts: readonly Receipt[]): Response {
  const newest = receipts.reduce((a, b) => (b.offset > a.offset ? b : a))
  const status = receipts.every((receipt) => receipt.duplicate) ? 200 : 201
  return jsonAnswer(JSON.stringify({ events: receipts.map(publishedEvent), cursor: eventCursor(newest) }), status)
}

function publishedEvent(receipt: Receipt): PublishedEvent {
  const event = {
    id: eventId(receipt),
    cursor: eventCursor(receipt),
    topic: receipt.topic,
    type: receipt.type,
    time: eventTime(receipt),
  }
  return receipt.duplicate ? { ...event, duplicate: true } : event
}
