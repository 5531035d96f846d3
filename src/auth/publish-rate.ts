import { HubError } from '../core/errors.ts'
import type { Principal } from '../core/principal.ts'
import { SWEEP_MS, TokenBuckets, type TokenBucketsOptions } from '../core/token-buckets.ts'

/** Principals that published within the time their bucket takes to fill. */
const MAX_PRINCIPALS = 10_000
/** How many seconds' worth may be published at once. */
const BURST_S = 5

export interface PublishRateOptions {
  /** Events a second of one principal, five times that at once. */
  perSecond: number
  /** Monotonic milliseconds. */
  now: () => number
  /** Of the table; default 10,000. */
  principals?: number
}

/**
 * A token bucket a principal. Where more principals publish than the table holds, those it does not know wait
 * (`rate-limited`) until it has room.
 */
export class PublishRate {
  #perSecond: number
  readonly #buckets: TokenBuckets

  constructor({ perSecond, now, principals = MAX_PRINCIPALS }: PublishRateOptions) {
    this.#perSecond = perSecond
    this.#buckets = new TokenBuckets({ ...bucket(perSecond), monotonic: now, keys: principals })
  }

  /** Another rate from now on: nobody gets a burst by it, or loses what was saved up for the new one. */
  replace(perSecond: number): void {
    this.#perSecond = perSecond
    this.#buckets.retune(bucket(perSecond))
  }

  get size(): number {
    return this.#buckets.size
  }

  /** Before a body is read: whether there is room for one event at all. @throws HubError `rate-limited` */
  require(principal: Principal): void {
    if (principal.limited) this.#requireRoom(principal.id, 1)
  }

  /** All of them or none. @throws HubError `rate-limited`, `batch-too-large` for more than there ever is room for */
  take(principal: Principal, events: number): void {
    if (!principal.limited) return
    const { capacity } = bucket(this.#perSecond)
    if (events > capacity) {
      throw new HubError(
        'batch-too-large',
        `This credential publishes at most ${capacity} events at once; split the batch.`,
      )
    }
    this.#requireRoom(principal.id, events)
    this.#buckets.take(principal.id, events)
  }

  #requireRoom(id: string, events: number): void {
    if (!this.#buckets.counts(id)) throw tooFast('Too many credentials publish at once', SWEEP_MS)
    const wait = this.#buckets.waitMs(id, events)
    if (wait > 0) throw tooFast(`This credential publishes faster than ${this.#perSecond} events a second`, wait)
  }
}

function bucket(perSecond: number): Pick<TokenBucketsOptions, 'eachMs' | 'capacity'> {
  return { eachMs: 1000 / perSecond, capacity: perSecond * BURST_S }
}

function tooFast(why: string, retryAfterMs: number): HubError {
  return new HubError('rate-limited', `${why}; try again after Retry-After.`, { retryAfterMs })
}
