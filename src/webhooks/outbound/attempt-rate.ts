import { SWEEP_MS, TokenBuckets } from '../../core/token-buckets.ts'

const MINUTE_MS = 60_000

export interface AttemptRateOptions {
  /** Of one key, all of them at once if they were saved up. */
  perMinute: number
  /** Monotonic milliseconds. */
  monotonic: () => number
  /** Most keys that are counted. */
  keys: number
}

/** How often something may be tried, for each key. */
export class AttemptRate {
  readonly #buckets: TokenBuckets

  constructor({ perMinute, monotonic, keys }: AttemptRateOptions) {
    this.#buckets = new TokenBuckets({ eachMs: MINUTE_MS / perMinute, capacity: perMinute, monotonic, keys })
  }

  get size(): number {
    return this.#buckets.size
  }

  /** Milliseconds until there is room for one more; `0`: now. A key that the full table does not know waits as well. */
  waitMs(key: string): number {
    return this.#buckets.counts(key) ? Math.ceil(this.#buckets.waitMs(key)) : SWEEP_MS
  }

  /** Counts one, for which there was room. */
  take(key: string): void {
    this.#buckets.take(key)
  }
}
