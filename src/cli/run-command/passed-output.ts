import { setTimeout as delay } from 'node:timers/promises'
import { isBrokenPipe } from '../failure.ts'

export interface Outlet {
  bytes: ReadableStream<Uint8Array>
  /** Frees what the bytes come through: a cancelled stream keeps a descriptor that it was given (Bun 1.4.5). */
  close(): void
}

const LOOK_EVERY_MS = 50
/** A command left behind may hold its output open for good; this many looks without a word (half a second) are the end. */
const QUIET_LOOKS = 10
/** And so are these (2 s), with words: in all, after the command's end. */
const MOST_LOOKS = 40
const LONG_MS = 2000
/** The command's own last words fit into a pipe (64 KiB; the kernel makes none above 1 MiB unasked): more is another's. */
const MOST_LEFT_BYTES = 1024 * 1024

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
    // Looks, not time: where this process stood still, nobody looked. Without those at which our own reader was slow.
    let looks = 0
    let quietLooks = 0
    while (!this.#ended) {
      this.left = this.#writing
        ? performance.now() - from > LONG_MS && this.#bytes > most
        : looks > MOST_LOOKS || quietLooks > QUIET_LOOKS
      if (this.left) break
      const before = this.#bytes
      await Promise.race([this.#done, delay(LOOK_EVERY_MS)])
      if (this.#bytes > before) quietLooks = 0
      if (this.#writing) continue
      looks++
      if (this.#bytes === before) quietLooks++
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
      }
    }
  }
}
