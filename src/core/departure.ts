import type { Clock } from './clock.ts'
import { round } from './round.ts'

/** Streams ended in a second, where the window has room for it: a few are ended at once, 10,000 in 2.5 s. */
const PER_SECOND = 4000
const STEP_MS = 25
/** After a pause of the event loop a step does not make up for all of it: each end writes a frame. */
const MOST_AT_A_STEP = 500

/**
 * The end of all streams of a hub. They are told one after the other, so that a proxy does not see them all break off in
 * one moment; and their clients come back spread over the time after the last one was told, as until then there is
 * nothing to come back to.
 */
export class Departure {
  readonly #clock: Clock
  readonly #streams: number
  readonly #began: number
  readonly #windowMs: number

  /** `withinMs`: they are all told in this time. */
  constructor(clock: Clock, streams: number, withinMs: number) {
    this.#clock = clock
    this.#streams = streams
    this.#began = clock.monotonic()
    this.#windowMs = Math.min(withinMs, (streams / PER_SECOND) * 1000)
  }

  /** What a client that is told now waits besides its own delay: for the last one to be told, then its turn of a thousand a second. */
  delayMs(): number {
    const left = Math.max(0, this.#began + this.#windowMs - this.#clock.monotonic())
    return left + this.#clock.random() * this.#streams
  }

  /** Calls `end` for each of `all`. Resolves after the last; rejects with what `end` throws. */
  each<T>(all: readonly T[], end: (each: T) => void): Promise<void> {
    if (this.#windowMs <= STEP_MS) return round(this.#clock, all, end)
    return new Promise((resolve, reject) => {
      let ended = 0
      const undo = this.#clock.every(STEP_MS, () => {
        const passed = (this.#clock.monotonic() - this.#began) / this.#windowMs
        const due = Math.min(all.length, Math.ceil(all.length * passed), ended + MOST_AT_A_STEP)
        try {
          for (; ended < due; ended++) end(all[ended]!)
        } catch (error) {
          undo()
          reject(error)
          return
        }
        if (ended < all.length) return
        undo()
        resolve()
      })
    })
  }
}
