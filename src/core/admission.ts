import type { Clock } from './clock.ts'
import { type CloseReason, closeReasons } from './close-reason.ts'
import { noRoom } from './connections.ts'
import { Departure } from './departure.ts'
import { HubError } from './errors.ts'
import type { EventLog } from './event-log.ts'
import type { Reader } from './reader.ts'
import type { Readers } from './readers.ts'

export interface AdmissionLimits {
  /** Drafts accepted and not yet durable, and their bytes. */
  pendingEvents: number
  pendingBytes: number
  /** What `retry:` says, before jitter. */
  retryMs: number
}

export interface AdmissionOptions {
  log: Pick<EventLog, 'pressure'>
  clock: Clock
  limits: AdmissionLimits
  readers: Pick<Readers, 'connections' | 'size'>
}

/** Who asks for a place among the connections. */
export type Asking = Pick<Reader, 'principal' | 'address'>

/** What a client is told that is not to come back by itself. */
const LONG_RETRY_MS = 5 * 60_000

/** Whether a publish or a stream may begin now, and when whoever may not should come back. */
export class Admission {
  readonly #options: AdmissionOptions
  #state: 'ready' | 'draining' | 'failed' = 'ready'
  #departure: Departure | undefined

  constructor(options: AdmissionOptions) {
    this.#options = options
  }

  get state(): 'ready' | 'draining' | 'failed' {
    return this.#state
  }

  get ready(): boolean {
    return this.#state === 'ready'
  }

  /** No more publishes or new streams; `ready` turns false so that a balancer sends them elsewhere. */
  refuseNew(): void {
    if (this.#state === 'ready') this.#state = 'draining'
  }

  /** The same, for good. */
  fail(): void {
    this.#state = 'failed'
  }

  /** All streams end now, within this time: whoever is told so comes back after the last of them was. */
  depart(withinMs: number): Departure {
    this.refuseNew()
    const { clock, readers } = this.#options
    this.#departure = new Departure(clock, readers.size, withinMs)
    return this.#departure
  }

  /** @throws HubError `draining`, `log-failed` */
  requireOpen(): void {
    if (this.#state === 'draining') {
      throw new HubError('draining', 'The hub is stopping; try again in a moment.', { retryAfterMs: 2000 })
    }
    if (this.#state === 'failed') {
      throw new HubError('log-failed', 'The event log failed and the hub is stopping; see its log.', {
        retryAfterMs: 5000,
      })
    }
  }

  /**
   * Whether a publish body of `bytes` may be read now: asked before it is.
   * @throws HubError `overloaded`, `draining`, `log-failed`
   */
  admit(bytes: number): void {
    this.requireOpen()
    const { log, limits } = this.#options
    const waiting = log.pressure
    // A body larger than all the room is let in when it is alone: its own limit is checked where it is read.
    const tooMuch = waiting.bytes > 0 && waiting.bytes + bytes > limits.pendingBytes
    if (tooMuch || waiting.events >= limits.pendingEvents) {
      throw new HubError('overloaded', 'More is being published than the disk takes; try again in a moment.', {
        retryAfterMs: 1000,
      })
    }
  }

  /** Why a new stream would be refused for now. A browser's EventSource must be told so inside a 200 (DESIGN 5, 7). */
  refusal({ principal, address }: Asking): CloseReason | undefined {
    if (this.#state === 'failed') return 'log-failed'
    if (this.#state === 'draining') return 'draining'
    return this.#options.readers.connections.refusal(principal, address)
  }

  /** For those to whom `refusal` is an error. @throws HubError `overloaded`, which says the limit, `draining`, `log-failed` */
  requireRoom({ principal, address }: Asking): void {
    this.requireOpen()
    const refusal = this.#options.readers.connections.refusal(principal, address)
    if (refusal) throw noRoom(refusal, this.retryMs(refusal))
  }

  /** How long a client that is told to come back should wait, in milliseconds; never the same for two of them. */
  retryMs(reason: CloseReason): number {
    const { clock, limits, readers } = this.#options
    const { delay } = closeReasons[reason]
    if (delay === 'long') return Math.round(LONG_RETRY_MS * (1 + clock.random() / 5))
    const base = limits.retryMs * (0.5 + clock.random())
    if (delay === 'short') return Math.round(base)
    // Many at once come back over as many milliseconds as there are, at a thousand a second.
    return Math.round(base + (this.#departure?.delayMs() ?? clock.random() * readers.size))
  }
}
