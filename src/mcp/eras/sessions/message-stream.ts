import type { JSONRPCMessage } from '@modelcontextprotocol/server'
import type { CloseReason } from '../../../core/close-reason.ts'
import type { Grants } from '../../../core/grants.ts'
import type { Exchange } from '../../exchange.ts'
import { messageFrame } from '../../json-rpc.ts'
import type { Outbox } from '../../outbox.ts'
import type { Replayable, ResumeStore } from './resume-store.ts'
import type { SessionHost } from './session-transport.ts'

/** The first version whose clients know an event without data as "from here on you can come back" (SEP-1699). */
const PRIMED_SINCE = '2025-11-25'

/** Where one stream is: what `id:` says, `<stream>.<message>`, unique in its session as the specification wants it. */
export interface Place {
  stream: number
  message: number
}

const PLACE = /^(0|[1-9]\d{0,14})\.(0|[1-9]\d{0,14})$/

/** @returns `undefined` for what is none of our ids */
export function parsePlace(text: string): Place | undefined {
  const parts = PLACE.exec(text)
  return parts ? { stream: Number(parts[1]), message: Number(parts[2]) } : undefined
}

/**
 * One stream of messages, whatever connections carry it: its messages are numbered and kept for a while, so that a client
 * that lost a connection goes on by another. Everything happens in one synchronous step, so nothing comes twice or in
 * another order.
 */
export class MessageStream implements Replayable {
  readonly number: number
  /** What is said on it may be said by these; `undefined`: by those of whoever listens. */
  readonly grants: Grants | undefined
  lostTo = 0
  readonly #host: SessionHost
  readonly #store: ResumeStore
  #outbox: Outbox | undefined
  #sent = 0
  /** The last message that a connection was handed. */
  #carried = 0
  #done = false

  constructor(number: number, host: SessionHost, store: ResumeStore, grants?: Grants) {
    this.number = number
    this.grants = grants
    this.#host = host
    this.#store = store
  }

  /** The number of its newest message. */
  get sent(): number {
    return this.#sent
  }

  get carried(): number {
    return this.#carried
  }

  /** Nothing more will come. */
  get done(): boolean {
    return this.#done
  }

  /** The connection it is on now. */
  get outbox(): Outbox | undefined {
    return this.#outbox
  }

  /** Whether all that came after message `number` can be sent again. */
  reaches(number: number): boolean {
    return number >= this.lostTo && number <= this.#sent
  }

  send(message: JSONRPCMessage): void {
    const frame = this.#kept(message)
    if (!this.#outbox) return
    this.#carried = this.#sent
    this.#outbox.push(frame)
  }

  /** As one write, however much waits after the first of them. */
  sendAll(messages: readonly JSONRPCMessage[]): void {
    if (messages.length === 0) return
    const frames = messages.map((message) => this.#kept(message))
    if (!this.#outbox) return
    this.#carried = this.#sent
    this.#outbox.push(Buffer.concat(frames))
  }

  /**
   * Goes on by this connection, after message `after`; the one before it ends. `opening` goes in front.
   * @throws HubError as `Outboxes.open`
   */
  carry(exchange: Exchange, { lasting, after, opening }: { lasting: boolean; after: number; opening: string }): Outbox {
    // First, so that a client that comes back needs no second place among the connections.
    this.pause()
    let outbox: Outbox | undefined
    outbox = this.#host.open(exchange, lasting, () => {
      if (outbox && this.#outbox === outbox) this.#outbox = undefined
    })
    const head = Buffer.from(opening + this.#priming(after))
    // As one: a queue with something in it has less room than an empty one.
    outbox.push(Buffer.concat([head, ...this.#store.after(this, after)]))
    this.#carried = this.#sent
    if (this.#done) outbox.finish('max-age')
    else if (outbox.open) this.#outbox = outbox
    return outbox
  }

  /** Ends the connection; the client comes back by another. */
  pause(reason: CloseReason = 'max-age'): void {
    const outbox = this.#outbox
    this.#outbox = undefined
    outbox?.finish(reason)
  }

  /** Its last message has been sent. */
  end(reason: CloseReason = 'max-age'): void {
    this.#done = true
    this.pause(reason)
  }

  #kept(message: JSONRPCMessage): Uint8Array {
    const number = this.#sent + 1
    const frame = Buffer.from(messageFrame(message, `${this.number}.${number}`))
    this.#sent = number
    this.#store.keep(this, number, frame, this.#host.parts.clock.monotonic())
    return frame
  }

  #priming(after: number): string {
    const { clock, limits } = this.#host.parts
    const retry = Math.round(limits.retryMs * (0.5 + clock.random()))
    // Without data or an id: older clients dispatch an event with empty data and fail on it.
    if ((this.#host.version ?? '') < PRIMED_SINCE) return `retry: ${retry}\n\n`
    return `id: ${this.number}.${after}\nretry: ${retry}\ndata: \n\n`
  }
}
