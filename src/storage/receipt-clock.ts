import type { Clock } from '../core/clock.ts'

/** More than a time server takes a clock back by. */
const NOTABLE_MS = 60_000

/**
 * When events are received: by the machine's clock, and never before an earlier one. A clock that was ahead for a moment
 * thus leaves its mark for as long as it was ahead, which nobody would guess from the events: it is said, once each time.
 */
export class ReceiptClock {
  readonly #clock: Pick<Clock, 'now'>
  readonly #warn: (message: string) => void
  #last: number
  #said = false

  /** @param last the newest receipt in the log */
  constructor(last: number, clock: Pick<Clock, 'now'>, warn: (message: string) => void) {
    this.#last = last
    this.#clock = clock
    this.#warn = warn
  }

  next(): number {
    const now = this.#clock.now()
    if (now >= this.#last) {
      this.#last = now
      this.#said = false
    } else if (this.#last - now >= NOTABLE_MS && !this.#said) {
      this.#said = true
      const [at, until] = [now, this.#last].map((time) => new Date(time).toISOString())
      this.#warn(
        `This machine's clock says ${at}, and the newest event was received at ${until}: events are given that time until ` +
          'then. If the clock is wrong, set it. If it was wrong before, export the log and import it into an empty data directory.',
      )
    }
    return this.#last
  }
}
