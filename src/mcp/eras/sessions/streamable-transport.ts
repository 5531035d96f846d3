import type {
  JSONRPCMessage,
  JSONRPCNotification,
  RequestId,
  Transport,
  TransportSendOptions,
} from '@modelcontextprotocol/server'
import type { CloseReason } from '../../../core/close-reason.ts'
import { type Grants, sameGrants } from '../../../core/grants.ts'
import { authInfoOf } from '../../asking.ts'
import { SessionCarrier } from '../../carrier.ts'
import type { Exchange } from '../../exchange.ts'
import { isRequest, REFUSED, refusalResponse } from '../../json-rpc.ts'
import { SIGNPOST, streamHeaders } from '../../outboxes.ts'
import { Answer } from './answer.ts'
import { cancelledBy, InFlight, refusedCalls, unwritable } from './in-flight.ts'
import { MessageStream, type Place, parsePlace } from './message-stream.ts'
import type { Posted } from './posted.ts'
import { ResumeStore, type Room } from './resume-store.ts'
import type { SessionHost, SessionTransport } from './session-transport.ts'

/** What one session keeps for a client that comes back. */
const RESUME_BYTES = 256 * 1024
/** Streams whose answers are complete that a client may still come back to. */
const MAX_DONE = 64
/** The stream of what the server says of its own accord. */
const STANDALONE = 0
/** The first version in which a server may end a stream early (SEP-1699). */
const PAUSES_SINCE = '2025-11-25'

/** Streamable HTTP, 2025-03-26 to 2025-11-25: every POST has its own answer, and GET is for all that answers nothing. */
export class StreamableTransport implements SessionTransport {
  readonly sessionId: string
  onmessage: Transport['onmessage']
  onclose: (() => void) | undefined
  onerror: ((error: Error) => void) | undefined
  readonly #host: SessionHost
  readonly #store: ResumeStore
  readonly #standalone: MessageStream
  readonly #answers = new InFlight<Answer>()
  /** Those of requests, oldest first. */
  readonly #streams = new Map<number, MessageStream>()
  #newest = STANDALONE
  #ended = false

  constructor(sessionId: string, host: SessionHost, room: Room) {
    this.sessionId = sessionId
    this.#host = host
    this.#store = new ResumeStore(room, RESUME_BYTES)
    this.#standalone = new MessageStream(STANDALONE, host, this.#store)
  }

  get calls(): number {
    return this.#answers.size
  }

  async start(): Promise<void> {}

  /** `POST /mcp` */
  receive(posted: Posted, exchange: Exchange): Response | Promise<Response> {
    const { messages, requests } = posted
    const refusal = refusedCalls(this.#answers, posted)
    if (refusal) return refusal
    if (requests.length === 0) {
      for (const message of messages) this.#dispatch(message, exchange)
      return new Response(null, { status: 202 })
    }
    const { sessionId } = this
    const { parts } = this.#host
    const answer = new Answer({ sessionId, parts, exchange, posted, stream: () => this.#stream(exchange) })
    for (const request of requests) this.#answers.add(request, answer)
    const carrier = new SessionCarrier(() => answer.outbox, exchange.request.signal)
    for (const message of messages) this.#dispatch(message, exchange, carrier)
    return answer.response
  }

  /** `GET /mcp` @throws HubError `overloaded`, `draining` */
  listen(exchange: Exchange): Response {
    // Empty is absent, as EventSource has it.
    const last = exchange.request.headers.get('last-event-id') || undefined
    const place = last === undefined ? undefined : parsePlace(last)
    if (place && place.stream !== STANDALONE) return this.#resume(place, exchange)
    const stream = this.#standalone
    const known = place !== undefined && stream.reaches(place.message)
    const after = known ? place.message : stream.carried
    // A client that names no message it had, though there were some, has lost them.
    const all = !known && (last !== undefined || stream.carried > 0 || stream.lostTo > after)
    const outbox = stream.carry(exchange, { lasting: true, after, opening: SIGNPOST })
    this.#host.listening(all)
    return this.#streamed(outbox)
  }

  async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    if (this.#ended) return
    if ('method' in message) {
      const related = options?.relatedRequestId
      if (related === undefined) this.#standalone.send(message)
      else this.#answerOf(related, message)?.send(message)
    } else if (message.id !== undefined) {
      this.#respond(message.id, message)
    }
  }

  tell(notification: JSONRPCNotification): boolean {
    if (this.#ended || !this.#standalone.outbox) return false
    this.#standalone.send(notification)
    return true
  }

  endListening(reason: CloseReason): void {
    this.#standalone.pause(reason)
  }

  regrant(grants: Grants): void {
    this.#store.clear()
    // What it is told from now on is by grants that whoever opened it may not have.
    const holder = this.#standalone.outbox?.caller.principal
    if (holder && !sameGrants(holder.grants, grants)) this.#standalone.pause('grants-changed')
  }

  expire(before: number): void {
    this.#store.expire(before)
  }

  end(reason: CloseReason): void {
    if (this.#ended) return
    for (const answer of new Set(this.#answers.values())) answer.end(reason)
    this.#ended = true
    this.#answers.clear()
    for (const stream of this.#streams.values()) stream.end(reason)
    this.#standalone.end(reason)
    this.#streams.clear()
    this.#store.clear()
    this.onclose?.()
  }

  async close(): Promise<void> {
    this.#host.close('internal')
  }

  #dispatch(message: JSONRPCMessage, exchange: Exchange, carrier?: SessionCarrier): void {
    const pauses = isRequest(message) && (this.#host.version ?? '') >= PAUSES_SINCE
    const authInfo = authInfoOf(exchange, carrier)
    try {
      this.onmessage?.(
        message,
        pauses
          ? {
              authInfo,
              closeSSEStream: () => this.#answers.get(message.id)?.pause(),
              closeStandaloneSSEStream: () => this.#standalone.pause(),
            }
          : { authInfo },
      )
    } catch (error) {
      this.#host.parts.plan.report(error)
      if (isRequest(message)) this.#respond(message.id, unwritable(message.id))
    }
    const cancelled = cancelledBy(message)
    if (cancelled !== undefined) this.#cancel(cancelled)
  }

  #respond(id: RequestId, message: Exclude<JSONRPCMessage, { method: string }>): void {
    const answer = this.#answers.get(id)
    // Cancelled meanwhile.
    if (!answer) return
    try {
      answer.respond(id, message)
    } catch (error) {
      this.#host.parts.plan.report(error)
      answer.respond(id, unwritable(id))
    }
    this.#settled(id)
  }

  /** The SDK lets the handler know, and sends no answer. */
  #cancel(id: RequestId): void {
    const answer = this.#answers.get(id)
    if (!answer) return
    answer.cancel(id)
    this.#settled(id)
  }

  #settled(id: RequestId): void {
    this.#answers.delete(id)
    this.#forgetDone()
    this.#host.used()
  }

  /** @throws for a request to the client: nobody would answer it */
  #answerOf(id: RequestId, message: JSONRPCMessage): Answer | undefined {
    const answer = this.#answers.get(id)
    if (!answer && isRequest(message)) throw new Error('The request that this one belongs to has been answered.')
    return answer
  }

  #stream({ principal }: Exchange): MessageStream {
    const stream = new MessageStream(++this.#newest, this.#host, this.#store, principal.grants)
    this.#streams.set(stream.number, stream)
    return stream
  }

  #forgetDone(): void {
    if (this.#streams.size <= MAX_DONE) return
    const done = [...this.#streams.values()].filter((stream) => stream.done)
    for (const stream of done.slice(0, -MAX_DONE)) {
      this.#streams.delete(stream.number)
      this.#store.drop(stream)
    }
  }

  /** A client comes back for the answers of one POST. */
  #resume({ stream: number, message }: Place, exchange: Exchange): Response {
    const stream = this.#streams.get(number)
    // Its call sees by the grants it was made with, and the session may go on with a token that has fewer.
    const same = stream?.grants !== undefined && sameGrants(stream.grants, exchange.principal.grants)
    if (!same || !stream.reaches(message)) {
      return refusalResponse({
        status: 400,
        code: REFUSED,
        message: 'What came after this Last-Event-ID is not kept any more; send the request again.',
      })
    }
    // No content, which tells an EventSource not to come back; with an empty stream, clients go on to ask for ever.
    if (stream.done && stream.sent === message) return new Response(null, { status: 204 })
    return this.#streamed(stream.carry(exchange, { lasting: true, after: message, opening: SIGNPOST }))
  }

  #streamed(outbox: AsyncGenerator<Uint8Array, void, void>): Response {
    return new Response(outbox as unknown as BodyInit, { headers: streamHeaders({ 'mcp-session-id': this.sessionId }) })
  }
}
