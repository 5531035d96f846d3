import type { Batch } from './batch.ts'
import type { CloseReason } from './close-reason.ts'
import type { Horizon } from './event-log.ts'
import type { HubMetrics } from './metrics.ts'
import type { Subscription } from './subscription.ts'

/** Read whenever they count, so that what is put in their place counts from then on. */
export interface SubscriptionLimits {
  /** Bytes of events that may wait for a live reader; above that it reads from the log again. */
  maxQueueBytes: number
  /** How long a reader may take nothing while something waits for it. */
  maxStallMs: number
  /** Quiet time before a heartbeat, of readers that come now. */
  heartbeatMs: number
  /** Age at which a stream ends and its client resumes. */
  maxAgeMs: number
}

/** What all subscriptions of a hub share: one object, so that an idle reader costs its own state and nothing else. */
export interface SubscriptionHost {
  readonly limits: SubscriptionLimits
  readonly metrics: HubMetrics
  /** Monotonic milliseconds, as of the last sweep: ages and stalls are a matter of seconds. */
  readonly now: number
  /** Looks for what comes after `after` and reports it with `found`, now or later. */
  catchUp(subscription: Subscription, after: number): void
  cursor(offset: number): string
  retryMs(reason: CloseReason): number
  /** The one place that enters and removes it: live set, registry, counters. */
  changed(subscription: Subscription, to: SubscriptionState): void
}

export type SubscriptionState = 'catching-up' | 'live' | 'closed'

/** One step of catching up. */
export interface Found {
  batch: Batch | undefined
  /** Everything that matches up to here is in `batch` or was found before. */
  position: number
  horizon: Horizon
  /** As in `Page`. */
  lostUpTo: number
  /** `position` is the head: the subscription goes live in this synchronous step. */
  live: boolean
}
