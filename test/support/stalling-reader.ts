import type { Socket } from 'bun'
import { until } from './until.ts'

/**
 * A client of a stream that stops reading when it is told to and keeps its socket open, as a frozen browser does. What
 * the kernel holds for it fills up; the server sees a socket that takes nothing.
 */
export class StallingReader {
  /** Everything read so far, head and chunk sizes included. */
  text = ''
  bytes = 0
  /** The server hung up; seen only while reading. */
  closed = false
  readonly #decoder = new TextDecoder()
  readonly #keep: number
  #socket: Socket | undefined

  /** Opens a stream on `path`. Only the newest `keep` characters of `text` are kept. */
  static async open(port: number, path: string, { keep = 64 * 1024, headers = '' } = {}): Promise<StallingReader> {
    const reader = new StallingReader(keep)
    reader.#socket = await Bun.connect({
      hostname: '127.0.0.1',
      port,
      socket: {
        data: (_, chunk) => reader.#read(chunk),
        close: () => {
          reader.closed = true
        },
        // A reset: `close` follows.
        error: () => {},
      },
    })
    reader.#socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: text/event-stream\r\n${headers}\r\n`)
    return reader
  }

  /** Opens a stream and stops reading once it has `needle`. */
  static async stalled(port: number, path: string, needle = 'event: $open'): Promise<StallingReader> {
    const reader = await StallingReader.open(port, path)
    await until(`${path} to say ${needle}`, () => reader.text.includes(needle))
    reader.stall()
    return reader
  }

  private constructor(keep: number) {
    this.#keep = keep
  }

  stall(): void {
    this.#socket?.pause()
  }

  resume(): void {
    this.#socket?.resume()
  }

  /** Hangs up: with a FIN, or with an RST. */
  hangUp(how: 'fin' | 'rst' = 'rst'): void {
    if (how === 'fin') this.#socket?.end()
    else this.#socket?.terminate()
  }

  #read(chunk: Uint8Array): void {
    this.bytes += chunk.byteLength
    this.text = (this.text + this.#decoder.decode(chunk, { stream: true })).slice(-this.#keep)
  }
}
