import type { Clock } from '../core/clock.ts'
import type { ErrorCode, HubError } from '../core/errors.ts'
import { Repeats } from '../core/repeats.ts'

/** What the operator reads of commits that were refused and rolled back whole: what writes the lines may lie on the full disk. */
export class RefusedCommits {
  readonly #warn: (message: string) => void
  readonly #repeats: Repeats<ErrorCode>

  constructor(clock: Pick<Clock, 'monotonic'>, warn: (message: string) => void) {
    this.#warn = warn
    this.#repeats = new Repeats(() => clock.monotonic())
  }

  note({ code, message }: HubError): void {
    const more = this.#repeats.leftOut(code)
    if (more === undefined) return
    this.#warn(more === 0 ? message : `${message} (And ${more} more commits since the last line.)`)
  }
}
