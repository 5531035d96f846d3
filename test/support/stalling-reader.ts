import { readFileSync } from 'node:fs'
import type { Socket } from 'bun'
import { until } from './until.ts'

const KEPT = 64 * 1024

/**
 * A client of a stream that stops reading when it is told to and keeps its socket open, as a frozen browser does. What
 * the kernel holds for it fills up; the server sees a socket that takes nothing.
 */
export class StallingReader {
  /** The newest 64 Ki characters read, head and chunk sizes included. */
  text = ''
  bytes = 0
  /** The server hung up; seen only while reading. */
  closed = false
  readonly #decoder = new TextDecoder()
  readonly #stallAt: string
  #stalled = false
  #socket: Socket | undefined

  /** Opens a stream on `path`, by POST if there is a `body`. It stops reading where it has read `stallAt`. */
  static async open(
    port: number,
    path: string,
    { headers = '', stallAt = '', body }: { headers?: string; stallAt?: string; body?: string } = {},
  ): Promise<StallingReader> {
    const reader = new StallingReader(stallAt)
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
    const accept = body === undefined ? 'text/event-stream' : 'application/json, text/event-stream'
    const length = body === undefined ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`
    reader.#socket.write(
      `${body === undefined ? 'GET' : 'POST'} ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: ${accept}\r\n` +
        `${length}${headers}\r\n${body ?? ''}`,
    )
    return reader
  }

  /** It has read what it stops at, or was told to stop. */
  get stalls(): boolean {
    return this.#stalled
  }

  /** Opens a stream and stops reading once it has `needle`. */
  static async stalled(
    port: number,
    path: string,
    { needle = 'event: $open', headers = '', body }: { needle?: string; headers?: string; body?: string } = {},
  ): Promise<StallingReader> {
    const reader = await StallingReader.open(port, path, { headers, stallAt: needle, ...(body ? { body } : {}) })
    await until(`${path} to say ${needle}`, () => reader.#stalled)
    return reader
  }

  private constructor(stallAt: string) {
    this.#stallAt = stallAt
  }

  /** Whether the process of the server has its end of the connection, over IPv4, still open (Linux). */
  isHeld(): boolean {
    const { localPort, remotePort } = this.#socket!
    const ends = [remotePort, localPort].map((port) => `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`)
    const line = readFileSync('/proc/net/tcp', 'latin1')
      .split('\n')
      .find((each) => each.includes(` ${ends.join(' ')} `))
    // What the kernel alone still has, to send the rest, is no file of anybody.
    return line !== undefined && line.trim().split(/\s+/)[9] !== '0'
  }

  stall(): void {
    this.#stalled = true
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
    this.text += this.#decoder.decode(chunk, { stream: true })
    if (!this.#stalled && this.#stallAt !== '' && this.text.includes(this.#stallAt)) this.stall()
    this.text = this.text.slice(-KEPT)
  }
}
