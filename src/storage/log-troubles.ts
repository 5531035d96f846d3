import type { Clock } from '../core/clock.ts'
import type { ErrorCode } from '../core/errors.ts'
import { Repeats } from '../core/repeats.ts'

/** What the operator reads of troubles that the log outlives and meets again and again: what writes the lines may lie on the full disk. */
export class LogTroubles {
  readonly #warn: (message: string) => void
  readonly #repeats: Repeats<ErrorCode>

  constructor(clock: Pick<Clock, 'monotonic'>, warn: (message: string) => void) {
    this.#warn = warn
    this.#repeats = new Repeats(() => clock.monotonic())
  }

  note({ code, message }: { code: ErrorCode; message: string }): void {
    const more = this.#repeats.leftOut(code)
    if (more === undefined) return
    this.#warn(more === 0 ? message : `${message} (And ${more} times more since the last line.)`)
  }
}
