import type { StoredEvent } from '../core/event.ts'
import type { Filter } from '../core/filter.ts'
import type { Grants } from '../core/grants.ts'
import type { Principal } from '../core/principal.ts'
import type { Failure } from './outbound/outcome.ts'

type Arguments = Readonly<Record<string, unknown>>

/** What one subscription is known by: all four (SEP-3415; equal arguments are those with the same canonical JSON). */
export interface SubscriptionKey {
  /** `Principal.id` */
  principal: string
  /** As it was sent, to the letter. */
  url: string
  /** Of the event type. */
  name: string
  arguments: Arguments
}

/** Numbers of the errors that a subscription may end with, as the client that made it reads them. */
export interface EndNumbers {
  NotFound: number
  Forbidden: number
  Unsupported: number
}

/** `events/subscribe`, its shape checked and nothing else. */
export interface SubscriptionRequest {
  principal: Principal
  url: string
  /** `whsec_…` */
  secret: string
  name: string
  arguments: Arguments
  /** `null`: from now on. */
  cursor: string | null
  /** Nothing older than this many milliseconds; only with a cursor. */
  maxAgeMs: number | undefined
  /** `null` asks for no end; `undefined` leaves it to the hub. */
  ttlMs: number | null | undefined
  numbers: EndNumbers
  /** Aborted when nobody waits for the answer any more. */
  signal: AbortSignal
}

export interface DeliveryStatus {
  /** `false`: it was suspended until this call. */
  active: boolean
  /** Milliseconds of the wall clock. */
  lastDeliveryAt: number | undefined
  lastError: Failure | null
  failedSince: number | undefined
}

export interface GrantedSubscription {
  id: string
  /** Milliseconds of the wall clock; `null`: it does not end by itself. */
  refreshBefore: number | null
  /** Everything up to here was taken by the callback, or given up. */
  cursor: string
  truncated: boolean
  /** Only of one that was there already. */
  status: DeliveryStatus | undefined
}

/** What of the log one subscription is sent. */
export interface Chosen {
  /** Narrowed to the grants. */
  filter: Filter
  /** The occurrence as JSON text without a cursor, and its id; `undefined`: the event is not wanted. */
  occurrence(event: StoredEvent): { eventId: string; json: string } | undefined
  /**
   * What is promised about the payload, each in words of its own (`branch:string`): when one of a stored subscription is
   * no longer there, its schema was changed in place and not only added to.
   */
  promises: readonly string[]
}

/**
 * What an event type has for these arguments and grants; `undefined`: there is no such type.
 * @throws HubError `invalid-arguments`, `forbidden`, and the others of `narrowFilter`
 */
export type Choose = (name: string, args: Arguments, grants: Grants) => Chosen | undefined
