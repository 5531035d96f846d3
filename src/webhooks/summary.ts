import type { Failure } from './outbound/outcome.ts'

/**
 * active: it is sent what comes. suspended: it has failed for long, and is tried now and then. disabled: an operator has
 * switched it off; what comes meanwhile is sent when it is switched on again, as far as the log still has it.
 */
export type OutletState = 'active' | 'suspended' | 'disabled'

/** One webhook subscription or forward, as operators see it. Nothing of it is a secret: of the URL its origin only. */
export interface OutletSummary {
  /** `sub_…` or `forward:<name>` */
  id: string
  kind: 'webhook' | 'forward'
  state: OutletState
  /** `Principal.id`; of a forward `config`. */
  principal: string
  /** Of the event type; of a forward its patterns. */
  wants: string
  /** `https://hooks.example.net/…`: paths of callbacks are as good as a password. */
  url: string
  /** RFC 3339; `null`: it does not end by itself. */
  expires: string | null
  /** Everything up to here was taken or given up. */
  cursor: string
  /** Events of the log after the cursor, wanted or not. */
  behind: number
  /** Tried and to be tried again. */
  waiting: number
  delivered: number
  /** Given up. */
  abandoned: number
  lastDelivery: string | null
  lastError: Failure | null
  failedSince: string | null
}

/** One attempt. */
export interface AttemptRecord {
  /** RFC 3339 */
  time: string
  /** `webhook-id` */
  message: string
  attempt: number
  /** Status of the answer; `null`: there was none. */
  status: number | null
  error: Failure | null
  ms: number
}

export interface OutletDetail extends OutletSummary {
  arguments: Readonly<Record<string, unknown>>
  /** The newest last, at most 20; since the hub was started. */
  attempts: readonly AttemptRecord[]
  /** Those given up last, the newest last, at most 20: what `redeliver` takes. */
  abandonedCursors: readonly string[]
}

/** What is sent once more: one event, or everything after a place that is still kept. */
export type Redelivery = { event: string } | { after: string }

/** What operators do with outlets. @throws HubError `not-found` for an id that is none */
export interface OutletAdmin {
  list(): OutletSummary[]
  show(id: string): OutletDetail
  /** Idempotent, both. */
  disable(id: string): Promise<void>
  enable(id: string): Promise<void>
  /** @throws HubError also `invalid-cursor` for a place or an event that is not kept */
  redeliver(id: string, what: Redelivery): Promise<void>
}
