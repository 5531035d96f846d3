import { HubError } from '../core/errors.ts'
import type { Principal } from '../core/principal.ts'

/** Principals that published within the time their bucket takes to fill. */
const MAX_PRINCIPALS = 10_000
/** How many seconds' worth may be published at once. */
const BURST_S = 5
/** A full table is looked through for full buckets at most this often. */
const SWEEP_MS = 1000

export interface PublishRateOptions {
  /** Events a second of one principal, five times that at once. */
  perSecond: number
  /** Monotonic milliseconds. */
  now: () => number
  /** Of the table; default 10,000. */
  principals?: number
}

/**
 * A token bucket a principal, kept as one number: when it will be full again. One that is full is forgotten. Where more
 * principals publish than the table holds, those it does not know wait (`rate-limited`) until it has room.
 */
export class PublishRate {
  readonly #eventMs: number
  readonly #capacity: number
  readonly #now: () => number
  readonly #most: number
  readonly #fullAt = new Map<string, number>()
  #sweptAt = Number.NEGATIVE_INFINITY

  constructor({ perSecond, now, principals = MAX_PRINCIPALS }: PublishRateOptions) {
    this.#eventMs = 1000 / perSecond
    this.#capacity = perSecond * BURST_S
    this.#now = now
    this.#most = principals
  }

  get size(): number {
    return this.#fullAt.size
  }

  /** Before a body is read: whether there is room for one event at all. @throws HubError `rate-limited` */
  require(principal: Principal): void {
    if (principal.limited) this.#after(principal.id, 1)
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
    this.#fullAt.set(principal.id, this.#after(principal.id, events))
  }

  /** When the bucket is full again with these events taken. */
  #after(id: string, events: number): number {
    const now = this.#now()
    const known = this.#fullAt.get(id)
    if (known === undefined) this.#makeRoom(now)
    const fullAt = Math.max(known ?? now, now) + events * this.#eventMs
    const wait = fullAt - now - this.#capacity * this.#eventMs
    // Sums of fractions: an event more or less in a million is nobody's.
    if (wait > this.#eventMs / 1000)
      throw tooFast(`This credential publishes faster than ${this.#perSecond} events a second`, wait)
    return fullAt
  }

  get #perSecond(): number {
    return this.#capacity / BURST_S
  }

  #makeRoom(now: number): void {
    if (this.#fullAt.size < this.#most) return
    if (now - this.#sweptAt >= SWEEP_MS) {
      this.#sweptAt = now
      for (const [id, fullAt] of this.#fullAt) if (fullAt <= now) this.#fullAt.delete(id)
    }
    if (this.#fullAt.size >= this.#most) throw tooFast('Too many credentials publish at once', SWEEP_MS)
  }
}

function tooFast(why: string, retryAfterMs: number): HubError {
  return new HubError('rate-limited', `${why}; try again after Retry-After.`, { retryAfterMs })
}
