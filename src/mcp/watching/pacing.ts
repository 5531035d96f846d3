import type { Clock } from '../../core/clock.ts'
import { round } from '../../core/round.ts'
import type { Notice } from './notice.ts'

/** A URI is told at most once in this time (DESIGN 9). */
const APART_MS = 1000
const TICK_MS = 200

/**
 * How often a URI is told: at once when it was quiet for a second, else when that second is over, so that the last change
 * is always told. One timer for all, which runs only while something waits and looks at nothing else.
 */
export class Pacing {
  readonly #clock: Clock
  readonly #report: (error: unknown) => void
  readonly #waiting = new Set<Notice>()
  #stop: (() => void) | undefined
  #ticking = false

  constructor(clock: Clock, report: (error: unknown) => void) {
    this.#clock = clock
    this.#report = report
  }

  changed(notice: Notice): void {
    if (notice.waiting) return
    const now = this.#clock.monotonic()
    if (now - notice.toldAt >= APART_MS) {
      tell(notice, now)
      return
    }
    notice.waiting = true
    this.#waiting.add(notice)
    this.#stop ??= this.#clock.every(TICK_MS, () => void this.#tick().catch(this.#report))
  }

  /** Tells what nobody was there for. */
  retell(notice: Notice): void {
    if (notice.kept) tell(notice, this.#clock.monotonic())
  }

  forget(notice: Notice): void {
    notice.waiting = false
    notice.kept = false
    this.#waiting.delete(notice)
  }

  close(): void {
    this.#stop?.()
    this.#stop = undefined
    this.#waiting.clear()
  }

  async #tick(): Promise<void> {
    if (this.#ticking) return
    this.#ticking = true
    const now = this.#clock.monotonic()
    const due = this.#waiting.values().filter(({ toldAt }) => now - toldAt >= APART_MS)
    try {
      await round(this.#clock, due, (notice) => {
        // Forgotten in an earlier turn.
        if (!this.#waiting.delete(notice)) return
        notice.waiting = false
        tell(notice, now)
      })
    } finally {
      this.#ticking = false
    }
    if (this.#waiting.size > 0) return
    this.#stop?.()
    this.#stop = undefined
  }
}

function tell(notice: Notice, now: number): void {
  notice.toldAt = now
  notice.kept = !notice.told.updated(notice.uri)
}
