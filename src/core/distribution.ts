/** Upper bounds in seconds, from what a commit takes on a fast disk to what nobody waits for. */
export const SECONDS: readonly number[] = Object.freeze([
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
])

/** How often which durations were seen: fixed bounds, one number each. `observe` costs about 10 ns and makes no object. */
export class Distribution {
  readonly bounds: readonly number[]
  /** How many were at most the bound of the same index and above the one before; the last one is above all. */
  readonly counts: number[]
  #sum = 0

  constructor(bounds: readonly number[] = SECONDS) {
    this.bounds = bounds
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  get sum(): number {
    return this.#sum
  }

  /** Seconds. A clock that was set back counts as no time at all. */
  observe(value: number): void {
    const { bounds } = this
    let index = 0
    while (index < bounds.length && value > bounds[index]!) index++
    this.counts[index]!++
    if (value > 0) this.#sum += value
  }
}
