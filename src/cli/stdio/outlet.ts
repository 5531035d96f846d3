import { oneLine } from '../../core/one-line.ts'
import { isBrokenPipe } from '../failure.ts'
import type { Output } from '../io.ts'

/** stdout as the client reads it: one message a line, and nothing else, ever. */
export class Outlet {
  readonly #output: Output
  readonly #closed = new AbortController()
  #waiting = 0
  #failure: { error: unknown } | undefined

  constructor(output: Output) {
    this.#output = output
  }

  /** Aborts when the client does not read any more. */
  get closed(): AbortSignal {
    return this.#closed.signal
  }

  /** Whether the client has not taken yet what was written. */
  get isWaiting(): boolean {
    return this.#waiting > 0
  }

  /** @throws what stdout failed with, if it was not its reader who left */
  rethrow(): void {
    if (this.#failure) throw this.#failure.error
  }

  /** Never rejects. Resolves when the text was taken: whoever brings messages waits for a slow client. After the end of it, at once. */
  async write(json: string): Promise<void> {
    if (this.#closed.signal.aborted) return
    this.#waiting++
    try {
      await this.#output.write(`${oneLine(json)}\n`)
    } catch (error) {
      if (!isBrokenPipe(error)) this.#failure ??= { error }
      this.#closed.abort()
    } finally {
      this.#waiting--
    }
  }
}
