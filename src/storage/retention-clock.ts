import type { Clock } from '../core/clock.ts'

/** More than a time server moves a clock by at once, and less than anybody keeps events for. */
const LEAP_MS = 60_000
/** For how long a later time is not believed: time servers correct a clock, and people read a warning, within it. */
const GRACE_MS = 600_000
/** What was seen is kept as the least of each such time, so a later time is believed up to one of them later. */
const SPAN_MS = 60_000

interface Seen {
  span: number
  offset: number
}

/**
 * What time it is for retention, in milliseconds since 1970: the earliest that the machine's clock would have it by any
 * look at it in the last ten minutes. So a leap ahead counts when it has lasted for ten minutes, and a step back at once.
 * A clock that says next month for a minute (a wrong time server, a virtual machine that wakes up) would otherwise make
 * everything older than `retention.max_age`, and what is deleted does not come back with the right time. A machine that
 * slept is taken for one that leapt, and keeps its events that much longer.
 */
export class RetentionClock {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>
  readonly #warn: (message: string) => void
  /** Wall time less monotonic time, the least of each span, oldest first: at most eleven. */
  #seen: Seen[] = []
  /** The same by what was written down before this run. */
  #before: Seen
  #saidAt = Number.NEGATIVE_INFINITY

  /**
   * @param before the time it was for retention when it was last written down, 0 if it never was: what passed since did so
   * without this process, and is believed as late as a leap is. A machine whose clock is wrong starts with it wrong.
   */
  constructor(before: number, clock: Pick<Clock, 'now' | 'monotonic'>, warn: (message: string) => void) {
    this.#clock = clock
    this.#warn = warn
    const monotonic = clock.monotonic()
    const time = before === 0 ? clock.now() : Math.min(before, clock.now())
    this.#before = { span: Math.floor(monotonic / SPAN_MS), offset: time - monotonic }
  }

  now(): number {
    const monotonic = this.#clock.monotonic()
    const offset = this.#clock.now() - monotonic
    const span = Math.floor(monotonic / SPAN_MS)
    this.#see(span, offset)
    let least = offset
    for (const each of this.#seen) least = Math.min(least, each.offset)
    if (offset - least >= LEAP_MS && monotonic - this.#saidAt >= GRACE_MS) {
      this.#saidAt = monotonic
      const [says, due] = [offset, least].map((each) => new Date(monotonic + each).toISOString())
      this.#warn(
        `This machine's clock leapt ahead: it says ${says}, and ${due} was due. If that is wrong, set it within ` +
          `${GRACE_MS / 60_000} minutes; until then no event is deleted as too old by the new time.`,
      )
    }
    return monotonic + (counts(this.#before, span) ? Math.min(least, this.#before.offset) : least)
  }

  #see(span: number, offset: number): void {
    const newest = this.#seen.at(-1)
    if (newest?.span === span) {
      newest.offset = Math.min(newest.offset, offset)
      return
    }
    this.#seen.push({ span, offset })
    this.#seen = this.#seen.filter((each) => counts(each, span))
  }
}

function counts(seen: Seen, span: number): boolean {
  return span - seen.span <= GRACE_MS / SPAN_MS
}
