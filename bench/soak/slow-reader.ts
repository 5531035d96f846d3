import { get } from '../http-text.ts'
import { StreamSocket } from './stream-socket.ts'

const READ_MS = 5_000
/** Longer than the kernel's buffers and `stream.max_stall` together last at the rate of the run. */
const STALL_MS = 45_000

export interface SlowReaderOptions {
  port: number
  path: string
  authorization: string
}

/** Reads a little of everything, takes nothing until it has been cut off, and comes back from where it was; again and again. */
export class SlowReader {
  readonly #options: SlowReaderOptions
  #lastEventId = ''
  #socket: StreamSocket | undefined
  #timer: Timer | undefined
  #stopped = false

  constructor(options: SlowReaderOptions) {
    this.#options = options
    this.#connect()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#socket?.hangUp('rst')
  }

  #connect(): void {
    const { port, path, authorization } = this.#options
    const resume: Record<string, string> = this.#lastEventId === '' ? {} : { 'last-event-id': this.#lastEventId }
    const socket = new StreamSocket({
      port,
      request: get(path, { accept: 'text/event-stream', authorization, ...resume }),
      onBody: (part) => this.#read(part),
      onEnd: () => this.#again(socket),
    })
    this.#socket = socket
    this.#in(READ_MS, () => {
      socket.pause()
      this.#in(STALL_MS, () => {
        socket.resume()
        // What the kernel still had is read, and then that the hub hung up, if it did.
        this.#in(READ_MS, () => socket.hangUp('fin'))
      })
    })
  }

  #again(socket: StreamSocket): void {
    if (!this.#stopped && socket === this.#socket) this.#in(200 + Math.random() * 2_000, () => this.#connect())
  }

  #in(ms: number, act: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(act, ms * (0.8 + Math.random() * 0.4))
  }

  /** A line cut in two by the end of a part costs nothing but an older place. */
  #read(part: Buffer): void {
    const at = part.lastIndexOf('\nid: ')
    const end = at < 0 ? -1 : part.indexOf('\n', at + 1)
    if (end > 0) this.#lastEventId = part.toString('latin1', at + 5, end)
  }
}
