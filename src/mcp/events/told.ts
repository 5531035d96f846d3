import { type RequestId, SUBSCRIPTION_ID_META_KEY } from '@modelcontextprotocol/server'
import type { CloseReason } from '../../core/close-reason.ts'
import { eventCursor, type StoredEvent } from '../../core/event.ts'
import { closeRefusal } from '../catalogue/close-refusal.ts'
import { frameOf, messageFrame } from '../json-rpc.ts'
import type { ErrorNumbers } from './error-numbers.ts'
import type { Occurrences } from './occurrence.ts'

/** What one stream tells its client. Positions are offsets. */
export type Told =
  /** The first, and again for a gap. */
  | { kind: 'active'; position: number; truncated: boolean }
  | { kind: 'event'; event: StoredEvent }
  | { kind: 'heartbeat'; position: number }
  | { kind: 'terminated'; reason: CloseReason }

export interface Notice {
  method: string
  params: Record<string, unknown>
}

/** Whose stream it is, and how it is spoken with. */
export interface Voice {
  /** Of the request, which every message repeats (SEP-3415: the same JSON type). */
  readonly id: RequestId
  readonly numbers: ErrorNumbers
  readonly occurrences: Occurrences
  readonly cursor: (offset: number) => string
}

/** As the notification that says it. */
export function noticeOf(told: Told, voice: Voice): Notice {
  const _meta = { [SUBSCRIPTION_ID_META_KEY]: voice.id }
  const method = methodOf(told)
  switch (told.kind) {
    case 'active':
      return { method, params: { cursor: voice.cursor(told.position), truncated: told.truncated, _meta } }
    case 'event':
      return { method, params: { ...voice.occurrences.of(told.event), cursor: eventCursor(told.event), _meta } }
    case 'heartbeat':
      return { method, params: { cursor: voice.cursor(told.position), _meta } }
    case 'terminated':
      return { method, params: { error: whyTerminated(told.reason, voice.numbers), _meta } }
  }
}

/** The same as one message of a stream of them. Of an event the part that all its readers share is made once. */
export function toldFrame(told: Told, voice: Voice): string {
  if (told.kind !== 'event') return messageFrame({ jsonrpc: '2.0', ...noticeOf(told, voice) })
  const occurrence = voice.occurrences.json(told.event)
  const rest = JSON.stringify({ cursor: eventCursor(told.event), _meta: { [SUBSCRIPTION_ID_META_KEY]: voice.id } })
  return frameOf(`{"jsonrpc":"2.0","method":"${methodOf(told)}","params":${occurrence.slice(0, -1)},${rest.slice(1)}}`)
}

function methodOf({ kind }: Told): string {
  return `notifications/events/${kind}`
}

function whyTerminated(reason: CloseReason, numbers: ErrorNumbers): { code: number; message: string; data: unknown } {
  return { code: numbers.Forbidden, message: 'Forbidden', data: { reason: closeRefusal(reason, 0).message } }
}
