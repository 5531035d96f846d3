import type { JSONRPCMessage, JSONRPCNotification, RequestId, Transport } from '@modelcontextprotocol/server'
import type { CloseReason } from '../../../core/close-reason.ts'
import { type Grants, sameGrants } from '../../../core/grants.ts'
import { authInfoOf } from '../../asking.ts'
import { SessionCarrier } from '../../carrier.ts'
import type { Exchange } from '../../exchange.ts'
import { isRequest, messageFrame } from '../../json-rpc.ts'
import type { Outbox } from '../../outbox.ts'
import { SIGNPOST, streamHeaders } from '../../outboxes.ts'
import { cancelledBy, endedBy, InFlight, refusedCalls, unwritable } from './in-flight.ts'
import type { Posted } from './posted.ts'
import type { SessionHost, SessionTransport } from './session-transport.ts'

/** HTTP+SSE of 2024-11-05: one stream for everything, which is the session. It cannot be resumed. */
export class EventStream2024 implements SessionTransport {
  readonly sessionId: string
  onmessage: Transport['onmessage']
  onclose: (() => void) | undefined
  onerror: ((error: Error) => void) | undefined
  readonly #host: SessionHost
  readonly #calls = new InFlight<true>()
  readonly #carrier = new SessionCarrier(() => this.#outbox)
  #outbox: Outbox | undefined
  #ended = false

  constructor(sessionId: string, host: SessionHost) {
    this.sessionId = sessionId
    this.#host = host
  }

  get calls(): number {
    return this.#calls.size
  }

  async start(): Promise<void> {}

  /** `GET /sse` @throws HubError `overloaded`, `draining` */
  open(exchange: Exchange): Response {
    const outbox = this.#host.open(exchange, true, (reason) => this.#host.close(reason))
    this.#outbox = outbox
    // A path from the root: some clients put it behind the host without looking at the path they asked.
    outbox.push(`${SIGNPOST}event: endpoint\ndata: /messages?sessionId=${this.sessionId}\n\n`)
    return new Response(outbox as unknown as BodyInit, { headers: streamHeaders() })
  }

  /** `POST /messages?sessionId=` */
  receive(posted: Posted, exchange: Exchange): Response {
    const refusal = refusedCalls(this.#calls, posted)
    if (refusal) return refusal
    for (const request of posted.requests) this.#calls.add(request, true)
    for (const message of posted.messages) this.#dispatch(message, exchange)
    return new Response(null, { status: 202 })
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if ('method' in message) this.#write(message)
    else if (message.id !== undefined && this.#calls.has(message.id)) this.#respond(message.id, message)
  }

  tell(notification: JSONRPCNotification): boolean {
    if (!this.#outbox?.open) return false
    this.#write(notification)
    return true
  }

  endListening(reason: CloseReason): void {
    this.#host.close(reason)
  }

  regrant(grants: Grants): void {
    // The answers to all come on one stream: whoever opened it may see by these grants only.
    const holder = this.#outbox?.caller.principal
    if (holder && !sameGrants(holder.grants, grants)) this.#host.close('grants-changed')
  }

  expire(): void {}

  end(reason: CloseReason): void {
    if (this.#ended) return
    this.#ended = true
    for (const id of this.#calls.ids()) this.#write(endedBy(reason, id))
    this.#calls.clear()
    this.#outbox?.finish(reason)
    this.onclose?.()
  }

  async close(): Promise<void> {
    this.#host.close('internal')
  }

  #dispatch(message: JSONRPCMessage, exchange: Exchange): void {
    try {
      this.onmessage?.(message, { authInfo: authInfoOf(exchange, this.#carrier) })
    } catch (error) {
      this.#host.parts.plan.report(error)
      if (isRequest(message)) this.#respond(message.id, unwritable(message.id))
    }
    const cancelled = cancelledBy(message)
    if (cancelled !== undefined) this.#settled(cancelled)
  }

  #respond(id: RequestId, message: JSONRPCMessage): void {
    try {
      this.#write(message)
    } catch (error) {
      this.#host.parts.plan.report(error)
      this.#write(unwritable(id))
    }
    this.#settled(id)
  }

  #settled(id: RequestId): void {
    if (this.#calls.delete(id)) this.#host.used()
  }

  #write(message: JSONRPCMessage): void {
    this.#outbox?.push(messageFrame(message))
  }
}
