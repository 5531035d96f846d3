import type { Clock } from '../../core/clock.ts'
import type { Notice } from './notice.ts'

/** A URI is told at most once in this time (DESIGN 9). */
const APART_MS = 1000
const TICK_MS = 200
/** Each that is told may write a frame: after this many the event loop gets its turn. */
const TOLD_PER_TURN = 500

/**
 * How often a URI is told: at once when it was quiet for a second, else when that second is over, so that the last change
 * is always told. One timer for all, which runs only while something waits and looks at nothing else.
 */
export class Pacing {
  readonly #clock: Clock
  readonly #waiting = new Set<Notice>()
  #stop: (() => void) | undefined
  #ticking = false

  constructor(clock: Clock) {
    this.#clock = clock
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
    this.#stop ??= this.#clock.every(TICK_MS, () => void this.#tick())
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
    let told = 0
    for (const notice of this.#waiting) {
      if (now - notice.toldAt < APART_MS) continue
      notice.waiting = false
      this.#waiting.delete(notice)
      tell(notice, now)
      if (++told % TOLD_PER_TURN === 0) await this.#clock.yield()
    }
    this.#ticking = false
    if (this.#waiting.size > 0) return
    this.#stop?.()
    this.#stop = undefined
  }
}

function tell(notice: Notice, now: number): void {
  notice.toldAt = now
  notice.kept = !notice.told.updated(notice.uri)
}
