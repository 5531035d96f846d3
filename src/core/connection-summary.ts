import type { ConnectionKind } from './connections.ts'
import { filterDocument } from './filter.ts'
import type { Subscription } from './subscription.ts'

/** One stream of a client, as operators see it. */
export interface ConnectionSummary {
  /** As `$open` names it. */
  id: string
  kind: ConnectionKind
  /** `Principal.id` */
  principal: string
  /** What it may read of what it asked for: patterns, and types (none: every type). */
  topics: readonly string[]
  types: readonly string[]
  state: 'live' | 'catching-up'
  /** RFC 3339, to about a second. */
  since: string
  /** Everything that matches up to here was taken. */
  cursor: string
  /** Events of the log after the cursor, wanted or not. */
  behind: number
  /** Of events that wait for it. */
  queuedBytes: number
}

export interface SummaryContext {
  cursor: (offset: number) => string
  head: number
  /** The wall clock's, and the monotonic one's. */
  now: number
  monotonic: number
}

/** `undefined` for one that is closed, or the hub's own. */
export function connectionSummary(
  subscription: Subscription,
  { cursor, head, now, monotonic }: SummaryContext,
): ConnectionSummary | undefined {
  const { id, reader, state, filter, position, openedAt, queuedBytes } = subscription
  if (state === 'closed' || reader.kind === 'hub') return undefined
  return {
    id,
    kind: reader.kind,
    principal: reader.principal.id,
    ...filterDocument(filter),
    state,
    since: new Date(now - Math.max(0, monotonic - openedAt)).toISOString(),
    cursor: cursor(position),
    behind: Math.max(0, head - position),
    queuedBytes,
  }
}
