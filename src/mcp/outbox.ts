import type { CloseReason } from '../core/close-reason.ts'
import type { HubMetrics } from '../core/metrics.ts'
import type { Caller } from './asking.ts'

/** What one write hands to the socket at most. */
const MAX_CHUNK_BYTES = 256 * 1024
/** How long a stream that has ended may take to write what is left before its socket is freed. */
const CLOSING_BACKSTOP_MS = 5000

type Step = IteratorResult<Uint8Array, void>

const END: Step = Object.freeze({ done: true, value: undefined })
const HEARTBEAT = new TextEncoder().encode(': \n\n')

export interface OutboxLimits {
  /** A reader for whom so many bytes wait when one more message comes is cut off. */
  maxQueueBytes: number
  /** How long a reader may take nothing while something waits for it. */
  maxStallMs: number
  /** Quiet time before a comment, of streams that begin now. */
  heartbeatMs: number
}

/** What all outboxes share, and who sweeps them. */
export interface OutboxHost {
  readonly limits: Readonly<OutboxLimits>
  readonly metrics: Pick<HubMetrics, 'messageBytes'>
  /** Monotonic milliseconds, as of the last sweep. */
  readonly now: number
}

export interface OutboxOptions extends Caller {
  /** The request it answers: its signal says that the client is gone. */
  signal: AbortSignal
  /** Monotonic milliseconds at which the credential ends. */
  endsAt: number
  cut: () => void
  /** Told once; nothing is taken after. */
  ended: (reason: CloseReason) => void
  /** What is written last where the credential ends it. Without it the stream just ends. */
  lastWord?: ((reason: CloseReason) => string) | undefined
}

/**
 * What one stream of MCP messages still has to write: the async generator a `Response` takes. Both SDKs push into a
 * ReadableStream, which queues without end for a reader that has stopped (measured: 8,020 chunks); here what waits is
 * counted in bytes, and a reader that is too far behind is cut off: MCP has its own ways to come back.
 */
export class Outbox implements AsyncGenerator<Uint8Array, void, void>, EventListenerObject {
  readonly caller: Caller
  readonly #host: OutboxHost
  readonly #options: OutboxOptions
  readonly #heartbeatMs: number
  #waiting: Uint8Array[] = []
  #bytes = 0
  #resolve: ((step: Step) => void) | undefined
  /** Told when there is room again. */
  #roomless: (() => void)[] | undefined
  #state: 'open' | 'finishing' | 'closed' = 'open'
  /** Since when the reader has something in hand that the socket has not taken; 0 if it has nothing. */
  #handedAt = 0
  #takenAt: number

  constructor(host: OutboxHost, options: OutboxOptions) {
    this.#host = host
    this.#options = options
    this.caller = { principal: options.principal, address: options.address }
    this.#takenAt = host.now
    this.#heartbeatMs = host.limits.heartbeatMs
    options.signal.addEventListener('abort', this, { once: true })
    if (options.signal.aborted) this.handleEvent()
  }

  get open(): boolean {
    return this.#state === 'open'
  }

  /** Bytes that wait. */
  get queuedBytes(): number {
    return this.#bytes
  }

  /**
   * For those who have more to say than may wait. `undefined`: a message may be pushed now. Else resolves when one may, or
   * when nothing more is written anyway.
   */
  room(): Promise<void> | undefined {
    if (this.#hasRoom) return undefined
    return new Promise((resolve) => {
      this.#roomless ??= []
      this.#roomless.push(resolve)
    })
  }

  /** @returns whether it will be written, as far as can be known */
  push(frame: string | Uint8Array): boolean {
    if (this.#state !== 'open') return false
    const bytes = typeof frame === 'string' ? new TextEncoder().encode(frame) : frame
    // By what waits before it: a single message may be larger than all the room.
    if (this.#bytes >= this.#host.limits.maxQueueBytes) {
      this.close('slow-consumer')
      return false
    }
    this.#waiting.push(bytes)
    this.#bytes += bytes.byteLength
    this.#wake()
    return true
  }

  /** Ends it once what waits is written. */
  finish(reason: CloseReason = 'shutdown'): void {
    if (this.#state !== 'open') return
    this.#state = 'finishing'
    this.#end(reason)
    this.#wake()
  }

  /** Ends it with its credential: what waits is dropped, and the last word, if it has one, is written. */
  dismiss(reason: CloseReason): void {
    const { lastWord } = this.#options
    if (lastWord && this.#state === 'open') {
      this.#waiting = []
      this.#bytes = 0
      this.push(lastWord(reason))
      this.finish(reason)
    } else this.close(reason)
  }

  /** Ends it now; what waits is dropped. Idempotent; the first reason counts. */
  close(reason: CloseReason): void {
    if (this.#state === 'closed') return
    const told = this.#state === 'finishing'
    this.#state = 'closed'
    this.#waiting = []
    this.#bytes = 0
    if (!told) this.#end(reason)
    this.#wake()
  }

  /** Called about once a second. */
  sweep(now: number): void {
    if (this.#state === 'closed') return
    if (this.#handedAt > 0 && now - this.#handedAt > this.#host.limits.maxStallMs) this.close('slow-consumer')
    else if (this.#state === 'finishing') return
    else if (now > this.#options.endsAt) this.dismiss('credential-expired')
    else if (this.#handedAt === 0 && this.#bytes === 0 && now - this.#takenAt >= this.#heartbeatMs) {
      this.push(HEARTBEAT)
    }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** One caller at a time, as Bun calls it. */
  next(): Promise<Step> {
    this.#handedAt = 0
    const step = this.#step()
    if (step) return Promise.resolve(step)
    return new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  return(): Promise<Step> {
    this.handleEvent()
    return Promise.resolve(END)
  }

  async throw(error: unknown): Promise<Step> {
    this.handleEvent()
    throw error
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.handleEvent()
  }

  /** The client is gone. */
  handleEvent(): void {
    this.close('client-gone')
  }

  /** Half of it is left to those who cannot wait. */
  get #hasRoom(): boolean {
    return this.#state !== 'open' || this.#bytes < this.#host.limits.maxQueueBytes / 2
  }

  #tellRoom(): void {
    if (!this.#roomless || !this.#hasRoom) return
    const roomless = this.#roomless
    this.#roomless = undefined
    for (const tell of roomless) tell()
  }

  #end(reason: CloseReason): void {
    this.#tellRoom()
    this.#options.signal.removeEventListener('abort', this)
    if (reason !== 'client-gone') setTimeout(this.#options.cut, CLOSING_BACKSTOP_MS).unref()
    this.#options.ended(reason)
  }

  #wake(): void {
    const step = this.#resolve && this.#step()
    if (!step) return
    const resolve = this.#resolve!
    this.#resolve = undefined
    resolve(step)
  }

  #step(): Step | undefined {
    if (this.#waiting.length === 0) return this.#state === 'open' ? undefined : END
    const [first] = this.#waiting
    let count = 1
    let bytes = first!.byteLength
    while (count < this.#waiting.length && bytes + this.#waiting[count]!.byteLength <= MAX_CHUNK_BYTES) {
      bytes += this.#waiting[count++]!.byteLength
    }
    const taken = this.#waiting.splice(0, count)
    this.#bytes -= bytes
    this.#host.metrics.messageBytes += bytes
    this.#handedAt = this.#takenAt = this.#host.now
    this.#tellRoom()
    return { done: false, value: taken.length === 1 ? first! : Buffer.concat(taken) }
  }
}
