import type { Clock } from '../core/clock.ts'
import type { ErrorCode, HubError } from '../core/errors.ts'

/** One line a code in this time: a full disk refuses every commit, and what writes the lines may lie on it. */
const QUIET_MS = 10_000

/** What the operator reads of commits that were refused and rolled back whole. */
export class RefusedCommits {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #warn: (message: string) => void
  readonly #told = new Map<ErrorCode, { at: number; since: number }>()

  constructor(clock: Pick<Clock, 'monotonic'>, warn: (message: string) => void) {
    this.#clock = clock
    this.#warn = warn
  }

  note({ code, message }: HubError): void {
    const now = this.#clock.monotonic()
    const told = this.#told.get(code)
    if (told && now - told.at < QUIET_MS) {
      told.since++
      return
    }
    this.#told.set(code, { at: now, since: 0 })
    const more = told?.since ?? 0
    this.#warn(more === 0 ? message : `${message} (And ${more} more commits since the last line.)`)
  }
}
