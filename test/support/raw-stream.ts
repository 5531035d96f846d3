import type { Socket } from 'bun'
import { type Block, BlockParser } from './block.ts'

export interface RawStreamOptions {
  /** What the reader adopted before: sent as `Last-Event-ID`, and its own until another is adopted. */
  lastEventId?: string
  /** Of the body; whatever comes after is never looked at and the socket is dropped. */
  cutAfterBytes?: number
}

/**
 * One connection of a reader, straight on the socket: HTTP/1.1, chunked decoding, blocks. `next` takes one block at a
 * time, so a caller that stops calling it and drops the connection was cut off exactly there, whatever has arrived.
 */
export class RawStream {
  status = 0
  /** Names in lower case. */
  readonly headers = new Map<string, string>()
  /** As an EventSource has it after the blocks that `next` gave. */
  lastEventId: string
  /** Of the body, decoded. */
  bytes = 0
  /** The server ended the response as HTTP says, rather than by closing the socket. */
  endedWhole = false
  readonly #budget: number
  readonly #parser = new BlockParser()
  #socket: Socket | undefined
  #raw = Buffer.alloc(0)
  #state: 'head' | 'size' | 'chunk' | 'ended' = 'head'
  #left = 0
  #blocks: { block: Block; lastEventId: string }[] = []
  #taken = 0
  #wake: (() => void) | undefined

  private constructor({ lastEventId = '', cutAfterBytes = Number.POSITIVE_INFINITY }: RawStreamOptions) {
    this.lastEventId = lastEventId
    this.#budget = cutAfterBytes
  }

  /** Resolves when the head of the answer is read. @throws when nobody listens or the socket closes before */
  static async open(url: string, options: RawStreamOptions = {}): Promise<RawStream> {
    const { hostname, port, pathname, search, host } = new URL(url)
    const stream = new RawStream(options)
    const again = options.lastEventId ? `Last-Event-ID: ${options.lastEventId}\r\n` : ''
    stream.#socket = await Bun.connect({
      hostname,
      port: Number(port),
      socket: {
        open: (socket) => {
          socket.write(
            `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nAccept: text/event-stream\r\n${again}\r\n`,
          )
        },
        data: (_, bytes) => stream.#receive(bytes),
        close: () => stream.#end(),
        error: () => stream.#end(),
      },
    })
    while (stream.#state === 'head') await stream.#change()
    if (stream.status === 0) throw new Error(`${url}: the connection was closed before the head of the answer.`)
    return stream
  }

  /** The next block, or `undefined` when the connection is gone. @throws when neither comes for `quietMs` */
  async next(quietMs = 30_000): Promise<Block | undefined> {
    const deadline = performance.now() + quietMs
    while (this.#taken === this.#blocks.length) {
      if (this.#state === 'ended') return undefined
      if (!(await this.#change(deadline - performance.now()))) throw new Error(`Nothing came for ${quietMs} ms.`)
    }
    const { block, lastEventId } = this.#blocks[this.#taken++]!
    this.lastEventId = lastEventId
    if (this.#taken === this.#blocks.length) {
      this.#blocks = []
      this.#taken = 0
    }
    return block
  }

  /** Stops taking bytes off the socket: its buffers fill, and the server meets them. */
  pause(): void {
    this.#socket?.pause()
  }

  resume(): void {
    this.#socket?.resume()
  }

  /** Closes the socket at once. What arrived may still be taken. Idempotent. */
  drop(): void {
    this.#end()
    this.#socket?.terminate()
  }

  /** Resolves true at the next sign of life, false after `withinMs`. */
  #change(withinMs = 30_000): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), Math.max(0, withinMs))
      this.#wake = () => {
        clearTimeout(timer)
        resolve(true)
      }
    })
  }

  #end(): void {
    this.#state = 'ended'
    this.#signal()
  }

  #signal(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  #receive(bytes: Uint8Array): void {
    this.#raw = Buffer.concat([this.#raw, bytes])
    while (this.#step()) {}
    this.#signal()
  }

  /** @returns whether there may be more to read in what has arrived */
  #step(): boolean {
    if (this.#state === 'ended' || this.#raw.byteLength === 0) return false
    if (this.#state === 'head') return this.#head()
    if (this.#state === 'size') return this.#size()
    const part = this.#raw.subarray(0, Math.min(this.#left, this.#raw.byteLength, this.#budget - this.bytes))
    this.#body(part)
    this.#raw = this.#raw.subarray(part.byteLength)
    this.#left -= part.byteLength
    if (this.bytes >= this.#budget) this.drop()
    else if (this.#left === 0) this.#state = 'size'
    return true
  }

  #head(): boolean {
    const end = this.#raw.indexOf('\r\n\r\n')
    if (end < 0) return false
    const [first = '', ...fields] = this.#raw.toString('latin1', 0, end).split('\r\n')
    this.status = Number(first.split(' ')[1])
    for (const field of fields) {
      const colon = field.indexOf(':')
      this.headers.set(field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim())
    }
    this.#raw = this.#raw.subarray(end + 4)
    this.#state = 'size'
    if (this.#budget === 0) this.drop()
    return true
  }

  /** The line between two chunks; the line break that ends a chunk's bytes reads as an empty one. */
  #size(): boolean {
    const end = this.#raw.indexOf('\r\n')
    if (end < 0) return false
    const line = this.#raw.toString('latin1', 0, end)
    this.#raw = this.#raw.subarray(end + 2)
    if (line === '') return true
    this.#left = Number.parseInt(line, 16)
    this.#state = 'chunk'
    if (this.#left === 0) {
      this.endedWhole = true
      this.drop()
    }
    return true
  }

  #body(part: Uint8Array): void {
    this.bytes += part.byteLength
    for (const block of this.#parser.push(part)) {
      // The id that is the reader's after this block: blocks of one push are adopted one after another.
      const lastEventId = block.id ?? this.#blocks.at(-1)?.lastEventId ?? this.lastEventId
      this.#blocks.push({ block, lastEventId })
    }
  }
}
