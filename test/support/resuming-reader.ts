import type { Block } from './block.ts'
import { RawStream } from './raw-stream.ts'

export interface ResumingReaderOptions {
  /** Of the stream, the first start included: what is resumed goes by `Last-Event-ID`. */
  url: string
  /** Every block of every connection, in order. */
  onBlock(block: Block, reader: ResumingReader): void
}

/** A reader that comes back with the last id it adopted, at once and for ever, as an EventSource would with `retry: 0`. */
export class ResumingReader {
  lastEventId = ''
  /** That the server answered with 200. */
  connections = 0
  /** Why it ended by itself: nothing but a bug ends it. */
  failure: unknown
  readonly #options: ResumingReaderOptions
  readonly #running: Promise<void>
  #stream: RawStream | undefined
  #paused = false
  #stopped = false

  constructor(options: ResumingReaderOptions) {
    this.#options = options
    this.#running = this.#run().catch((error) => {
      this.failure = error
    })
  }

  get running(): boolean {
    return !this.#stopped && this.failure === undefined
  }

  /** Takes nothing off its socket until `resume`, a connection made meanwhile included. */
  pause(): void {
    this.#paused = true
    this.#stream?.pause()
  }

  resume(): void {
    this.#paused = false
    this.#stream?.resume()
  }

  /** As if the network went: it comes back by itself. */
  drop(): void {
    this.#stream?.drop()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#stream?.drop()
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        this.#stream = await RawStream.open(this.#options.url, { lastEventId: this.lastEventId })
      } catch {
        // Nobody listens: the server is being killed or started. Whoever waits for this reader has the deadline.
        await Bun.sleep(10)
        continue
      }
      if (this.#stream.status !== 200) throw new Error(`The stream was refused with ${this.#stream.status}.`)
      this.connections++
      if (this.#paused) this.#stream.pause()
      await this.#read(this.#stream)
    }
  }

  async #read(stream: RawStream): Promise<void> {
    try {
      for (;;) {
        const block = await stream.next(600_000)
        if (!block || this.#stopped) return
        this.lastEventId = stream.lastEventId
        this.#options.onBlock(block, this)
      }
    } finally {
      stream.drop()
    }
  }
}
