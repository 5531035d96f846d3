import type { Clock } from '../../src/core/clock.ts'

/** A clock that stands still until it is told; `every` runs when time passes its next turn. */
export class ManualClock implements Clock {
  #now: number
  #ahead = 0
  #timers: { at: number; ms: number; run: () => void }[] = []

  constructor(now = 1_800_000_000_000) {
    this.#now = now
  }

  now(): number {
    return this.#now + this.#ahead
  }

  monotonic(): number {
    return this.#now
  }

  random(): number {
    return 0.5
  }

  every(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, ms, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  yield(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  /** Also backwards, as machines' clocks do; timers then wait. */
  set(now: number): void {
    this.#now = now
    for (const timer of [...this.#timers]) {
      if (timer.at > now) continue
      timer.at = now + timer.ms
      timer.run()
    }
  }

  /** The machine's clock is set to a time that much later; nothing passes. */
  leap(ms: number): void {
    this.#ahead += ms
  }

  pass(ms: number): void {
    this.set(this.#now + ms)
  }
}
