import { setTimeout as delay } from 'node:timers/promises'
import { isBrokenPipe } from '../failure.ts'

export interface Outlet {
  bytes: ReadableStream<Uint8Array>
  /** Frees what the bytes come through: a cancelled stream keeps a descriptor that it was given (Bun 1.4.5). */
  close(): void
}

/** What a command left behind may hold its output open for good; this long without a word is the end. */
const QUIET_MS = 500
/** And so is this, with words: waited for, in all, after the command's end. */
const LONGEST_WAIT_MS = 2000
/** The command's own last words fit into a pipe (64 KiB; the kernel makes none above 1 MiB unasked): more is another's. */
const MOST_LEFT_BYTES = 1024 * 1024
const LOOK_EVERY_MS = 50

/** One output of a command on its way to ours. */
export class PassedOutput {
  /** What stood in the way of passing it on. */
  failure: string | undefined
  /** Something else than the command held it open, and was left to itself. */
  left = false
  readonly #done: Promise<void>
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  #ended = false
  #writing = false
  #lastAt = performance.now()
  #bytes = 0

  constructor({ bytes, close }: Outlet, pass: (bytes: Uint8Array) => Promise<void>, look: (bytes: Uint8Array) => void) {
    this.#reader = bytes.getReader()
    this.#done = this.#pass(pass, look)
      .catch((error) => {
        this.failure = error instanceof Error ? error.message : String(error)
      })
      .finally(() => {
        this.#ended = true
        close()
      })
  }

  /** After the command's end: resolves when all it wrote was passed on, or could not be. */
  async ended(): Promise<void> {
    const from = performance.now()
    const most = this.#bytes + MOST_LEFT_BYTES
    // Without the time in which our own reader did not take what there was.
    let waitedMs = 0
    this.#lastAt = from
    while (!this.#ended) {
      const before = performance.now()
      const long = before - from > LONGEST_WAIT_MS
      this.left = this.#writing
        ? long && this.#bytes > most
        : waitedMs > LONGEST_WAIT_MS || before - this.#lastAt > QUIET_MS
      if (this.left) break
      await Promise.race([this.#done, delay(LOOK_EVERY_MS)])
      if (!this.#writing) waitedMs += performance.now() - before
    }
    if (this.left) await this.#reader.cancel()
    await this.#done
  }

  async #pass(pass: (bytes: Uint8Array) => Promise<void>, look: (bytes: Uint8Array) => void): Promise<void> {
    while (true) {
      const { done, value } = await this.#reader.read()
      if (done) return
      this.#bytes += value.length
      look(value)
      this.#writing = true
      try {
        await pass(value)
      } catch (error) {
        // Our reader left, or the disk is full: its own pipe is broken then, which the command meets as without us.
        await this.#reader.cancel()
        if (isBrokenPipe(error)) return
        throw error
      } finally {
        this.#writing = false
        this.#lastAt = performance.now()
      }
    }
  }
}
