/** A full table is looked through for what is full again at most this often. */
const SWEEP_MS = 1000
const MINUTE_MS = 60_000
/** Sums of fractions are off by less. */
const ROUNDING_MS = 0.001

export interface AttemptRateOptions {
  /** Of one key, all of them at once if they were saved up. */
  perMinute: number
  /** Monotonic milliseconds. */
  monotonic: () => number
  /** Most keys that are counted. */
  keys: number
}

/** A token bucket a key, kept as one number: when it will be full again. One that is full is forgotten. */
export class AttemptRate {
  readonly #eachMs: number
  readonly #monotonic: () => number
  readonly #most: number
  readonly #fullAt = new Map<string, number>()
  #sweptAt = Number.NEGATIVE_INFINITY

  constructor({ perMinute, monotonic, keys }: AttemptRateOptions) {
    this.#eachMs = MINUTE_MS / perMinute
    this.#monotonic = monotonic
    this.#most = keys
  }

  get size(): number {
    return this.#fullAt.size
  }

  /** Milliseconds until there is room for one more; `0`: now. A key that the full table does not know waits as well. */
  waitMs(key: string): number {
    const now = this.#monotonic()
    const fullAt = this.#fullAt.get(key)
    if (fullAt === undefined) return this.#hasRoom(now) ? 0 : SWEEP_MS
    const wait = Math.max(fullAt, now) + this.#eachMs - now - MINUTE_MS
    return wait > ROUNDING_MS ? Math.ceil(wait) : 0
  }

  /** Counts one, for which there was room. */
  take(key: string): void {
    const now = this.#monotonic()
    this.#fullAt.set(key, Math.max(this.#fullAt.get(key) ?? now, now) + this.#eachMs)
  }

  #hasRoom(now: number): boolean {
    if (this.#fullAt.size < this.#most) return true
    if (now - this.#sweptAt >= SWEEP_MS) {
      this.#sweptAt = now
      for (const [key, fullAt] of this.#fullAt) if (fullAt <= now) this.#fullAt.delete(key)
    }
    return this.#fullAt.size < this.#most
  }
}
