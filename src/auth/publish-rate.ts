import { HubError } from '../core/errors.ts'
import type { Principal } from '../core/principal.ts'
import { SWEEP_MS, TokenBuckets } from '../core/token-buckets.ts'

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
  readonly #perSecond: number
  readonly #capacity: number
  readonly #buckets: TokenBuckets

  constructor({ perSecond, now, principals = MAX_PRINCIPALS }: PublishRateOptions) {
    this.#perSecond = perSecond
    this.#capacity = perSecond * BURST_S
    const bucket = { eachMs: 1000 / perSecond, capacity: this.#capacity }
    this.#buckets = new TokenBuckets({ ...bucket, monotonic: now, keys: principals })
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
    if (events > this.#capacity) {
      throw new HubError(
        'batch-too-large',
        `This credential publishes at most ${this.#capacity} events at once; split the batch.`,
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

function tooFast(why: string, retryAfterMs: number): HubError {
  return new HubError('rate-limited', `${why}; try again after Retry-After.`, { retryAfterMs })
}
