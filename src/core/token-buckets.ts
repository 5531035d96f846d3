/** A full table is looked through for what is full again at most this often. */
export const SWEEP_MS = 1000

export interface TokenBucketsOptions {
  /** In which time there is room for one more. */
  eachMs: number
  /** At once, when that many were saved up. */
  capacity: number
  /** Monotonic milliseconds. */
  monotonic: () => number
  /** Most keys that are counted. */
  keys: number
}

/** A token bucket a key, kept as one number: when it will be full again. One that is full is forgotten. */
export class TokenBuckets {
  #options: TokenBucketsOptions
  readonly #fullAt = new Map<string, number>()
  #sweptAt = Number.NEGATIVE_INFINITY

  constructor(options: TokenBucketsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#fullAt.size
  }

  /** Whether the table knows `key`, or has room for it; else it does in `SWEEP_MS` at the earliest. */
  counts(key: string): boolean {
    const { keys, monotonic } = this.#options
    if (this.#fullAt.has(key) || this.#fullAt.size < keys) return true
    const now = monotonic()
    if (now - this.#sweptAt >= SWEEP_MS) {
      this.#sweptAt = now
      for (const [each, fullAt] of this.#fullAt) if (fullAt <= now) this.#fullAt.delete(each)
    }
    return this.#fullAt.size < keys
  }

  /** Milliseconds until there is room for `count` more; `0`: now. */
  waitMs(key: string, count = 1): number {
    const { eachMs, capacity, monotonic } = this.#options
    const now = monotonic()
    const wait = this.#after(key, count, now) - now - capacity * eachMs
    // Sums of fractions: one more or less in a million is nobody's.
    return wait > Math.min(eachMs, 1) / 1000 ? wait : 0
  }

  /** Counts `count`, for which there was room. */
  take(key: string, count = 1): void {
    this.#fullAt.set(key, this.#after(key, count, this.#options.monotonic()))
  }

  /** What was taken stays taken; what is more than the new capacity is forgiven. */
  retune({ eachMs, capacity }: Pick<TokenBucketsOptions, 'eachMs' | 'capacity'>): void {
    const before = this.#options
    const now = before.monotonic()
    for (const [key, fullAt] of this.#fullAt) {
      const taken = Math.min(capacity, Math.max(0, fullAt - now) / before.eachMs)
      this.#fullAt.set(key, now + taken * eachMs)
    }
    this.#options = { ...before, eachMs, capacity }
  }

  /** When it is full again with these taken. */
  #after(key: string, count: number, now: number): number {
    return Math.max(this.#fullAt.get(key) ?? now, now) + count * this.#options.eachMs
  }
}
