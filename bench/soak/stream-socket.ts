import type { Socket } from 'bun'

/** A stream answers within this, or the connection is given up. */
const HEAD_LIMIT = 64 * 1024

export interface StreamSocketOptions {
  port: number
  /** The whole of the request, or the part of it that is sent. */
  request: string
  /** Body bytes, the chunk sizes taken out; only during the call. */
  onBody?(part: Buffer): void
  onEnd(): void
}

/**
 * One connection to an HTTP server that answers with chunks, straight on a socket: thousands of them cost little, they
 * can stop reading, and they can end in every way a socket can.
 */
export class StreamSocket {
  /** 0 until the head of the answer is there. */
  status = 0
  readonly #options: StreamSocketOptions
  #socket: Socket | undefined
  #state: 'head' | 'size' | 'chunk' = 'head'
  #rest = Buffer.alloc(0)
  #left = 0
  #ended = false

  constructor(options: StreamSocketOptions) {
    this.#options = options
    Bun.connect({
      hostname: '127.0.0.1',
      port: options.port,
      allowHalfOpen: true,
      socket: {
        open: (socket) => {
          if (this.#ended) return void socket.terminate()
          this.#socket = socket
          if (options.request !== '') socket.write(options.request)
        },
        data: (_, bytes) => this.#receive(bytes),
        end: (socket) => void socket.end(),
        close: () => this.#end(),
        // A reset: `close` follows.
        error: () => {},
      },
    }).catch(() => this.#end())
  }

  get ended(): boolean {
    return this.#ended
  }

  pause(): void {
    this.#socket?.pause()
  }

  resume(): void {
    this.#socket?.resume()
  }

  /** `half`: says it sends no more, and goes on reading. */
  hangUp(how: 'fin' | 'rst' | 'half'): void {
    if (how === 'rst') this.#socket?.terminate()
    else if (how === 'fin') this.#socket?.end()
    else this.#socket?.shutdown(true)
    // Also one that has not opened yet: it is closed when it does.
    if (how !== 'half') this.#end()
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#rest = Buffer.alloc(0)
    this.#options.onEnd()
  }

  #receive(bytes: Buffer): void {
    if (this.#ended) return
    let input = this.#rest.byteLength === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes])
    this.#rest = Buffer.alloc(0)
    while (input.byteLength > 0 && !this.#ended) {
      if (this.#state === 'chunk') {
        const part = input.subarray(0, this.#left)
        input = input.subarray(part.byteLength)
        this.#left -= part.byteLength
        if (this.#left === 0) this.#state = 'size'
        this.#options.onBody?.(part)
        continue
      }
      const mark = this.#state === 'head' ? '\r\n\r\n' : '\r\n'
      const end = input.indexOf(mark)
      if (end < 0) {
        if (input.byteLength > HEAD_LIMIT) this.hangUp('rst')
        else this.#rest = input
        return
      }
      const text = input.toString('latin1', 0, end)
      input = input.subarray(end + mark.length)
      if (this.#state === 'head') this.#head(text)
      else if (text !== '') this.#size(text)
    }
  }

  #head(text: string): void {
    this.status = Number(text.split(' ', 2)[1])
    this.#state = 'size'
    // An answer of another shape is somebody's refusal: nothing in it is looked at.
    if (!/\r\ntransfer-encoding: chunked/i.test(text)) this.hangUp('fin')
  }

  #size(text: string): void {
    this.#left = Number.parseInt(text, 16)
    this.#state = 'chunk'
    if (this.#left === 0) this.hangUp('fin')
  }
}
