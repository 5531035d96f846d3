import type { CloseReason } from './close-reason.ts'
import type { ConnectionKind } from './connections.ts'
import type { Occupant } from './occupant.ts'
import type { Subscription } from './subscription.ts'

/** A client's stream that has ended, for the operator. */
export interface ClosedStream {
  id: string
  kind: ConnectionKind
  /** `Principal.id` */
  principal: string
  reason: CloseReason
  /** How long it was open, to about a second: an idle reader has no look at the clock of its own. */
  ms: number
  /** Events that were taken; 0 for messages of MCP. */
  events: number
  /** Written before its last words; 0 for what reads for MCP. */
  bytes: number
}

/** @param now monotonic milliseconds. `undefined` for one that is open, or the hub's own. */
export function closedStream(subscription: Subscription, now: number): ClosedStream | undefined {
  const { id, reader, closeReason: reason, openedAt, takenEvents: events, writtenBytes: bytes } = subscription
  const { kind, principal } = reader
  if (kind === 'hub' || reason === undefined) return undefined
  return { id, kind, principal: principal.id, reason, ms: Math.max(0, now - openedAt), events, bytes }
}

/** The same of one that was no subscription. */
export function closedOccupant({ id, reader, openedAt }: Occupant, reason: CloseReason, now: number): ClosedStream {
  const ms = Math.max(0, now - openedAt)
  return { id, kind: 'mcp', principal: reader.principal.id, reason, ms, events: 0, bytes: 0 }
}
