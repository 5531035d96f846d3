import type { ConnectionKind } from './connections.ts'
import { filterDocument } from './filter.ts'
import type { Occupant } from './occupant.ts'
import type { Subscription } from './subscription.ts'

/** One stream of a client, as operators see it. */
export interface ConnectionSummary {
  /** As `$open` names it. */
  id: string
  kind: ConnectionKind
  /** `Principal.id` */
  principal: string
  /** The client's, as limits count it; `null` where they do not: loopback, and proxies that pass none on. */
  address: string | null
  /** What it may read of what it asked for: patterns, and types (none: every type). Of messages: none. */
  topics: readonly string[]
  types: readonly string[]
  /** `messages`: it carries messages of MCP, and has no place in the log. */
  state: 'live' | 'catching-up' | 'messages'
  /** RFC 3339, to about a second. */
  since: string
  /** Everything that matches up to here was taken; `null` of messages. */
  cursor: string | null
  /** Events of the log after the cursor, wanted or not; `null` of messages. */
  behind: number | null
  /** Of events, or messages, that wait for it. */
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
  each: Subscription | Occupant,
  context: SummaryContext,
): ConnectionSummary | undefined {
  return 'stream' in each ? occupantSummary(each, context) : subscriptionSummary(each, context)
}

function subscriptionSummary(subscription: Subscription, context: SummaryContext): ConnectionSummary | undefined {
  const { id, reader, state, filter, position, openedAt, queuedBytes } = subscription
  if (state === 'closed' || reader.kind === 'hub') return undefined
  return {
    id,
    kind: reader.kind,
    principal: reader.principal.id,
    address: reader.address || null,
    ...filterDocument(filter),
    state,
    since: since(openedAt, context),
    cursor: context.cursor(position),
    behind: Math.max(0, context.head - position),
    queuedBytes,
  }
}

function occupantSummary({ id, reader, openedAt, stream }: Occupant, context: SummaryContext): ConnectionSummary {
  return {
    id,
    kind: 'mcp',
    principal: reader.principal.id,
    address: reader.address || null,
    topics: [],
    types: [],
    state: 'messages',
    since: since(openedAt, context),
    cursor: null,
    behind: null,
    queuedBytes: stream.queuedBytes,
  }
}

function since(openedAt: number, { now, monotonic }: SummaryContext): string {
  return new Date(now - Math.max(0, monotonic - openedAt)).toISOString()
}
