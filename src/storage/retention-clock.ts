import type { Clock } from '../core/clock.ts'

/** More than a time server moves a clock by at once, and less than anybody keeps events for. */
const LEAP_MS = 60_000
/** For how long a leap is not believed: time servers correct a clock, and people read a warning, within it. */
const LEAP_GRACE_MS = 600_000

/**
 * What time it is for retention, in milliseconds since 1970: the machine's clock, but for a leap ahead, which counts only
 * when it has lasted for `LEAP_GRACE_MS`. A clock that says next month for a minute (a wrong time server, a virtual machine
 * that wakes up) would otherwise make everything older than `retention.max_age`, and what is deleted does not come back
 * with the right time. A machine that slept is taken for one that leapt, and keeps its events that much longer.
 */
export class RetentionClock {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>
  readonly #warn: (message: string) => void
  /** Wall time less monotonic time, as it is believed. */
  #offset: number
  /** An offset that is not believed yet, and since when (monotonic) it is there. */
  #leap: { offset: number; since: number } | undefined

  /**
   * @param newest receipt of the newest event, 0 if there was none: what came after it passed without this process, and is
   * believed as late as a leap is. A machine whose clock is wrong starts with it wrong.
   */
  constructor(newest: number, clock: Pick<Clock, 'now' | 'monotonic'>, warn: (message: string) => void) {
    this.#clock = clock
    this.#warn = warn
    const since = clock.monotonic()
    const offset = clock.now() - since
    this.#offset = newest === 0 ? offset : Math.min(offset, newest - since)
    if (offset - this.#offset >= LEAP_MS) this.#leap = { offset, since }
  }

  now(): number {
    const monotonic = this.#clock.monotonic()
    const offset = this.#clock.now() - monotonic
    const aheadMs = offset - this.#offset
    if (aheadMs < LEAP_MS) {
      if (this.#leap) this.#warn("This machine's clock is back from its leap; no event was deleted for it.")
      this.#leap = undefined
      this.#offset = offset
    } else if (!this.#leap || Math.abs(offset - this.#leap.offset) >= LEAP_MS) {
      this.#leap = { offset, since: monotonic }
      const [says, due] = [offset, this.#offset].map((each) => new Date(monotonic + each).toISOString())
      this.#warn(
        `This machine's clock leapt ahead: it says ${says}, and ${due} was due. If that is wrong, set it within ` +
          `${LEAP_GRACE_MS / 60_000} minutes; until then no event is deleted as too old by the new time.`,
      )
    } else if (monotonic - this.#leap.since >= LEAP_GRACE_MS) {
      this.#leap = undefined
      this.#offset = offset
    }
    return monotonic + this.#offset
  }
}
