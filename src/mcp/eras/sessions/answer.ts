import type { JSONRPCMessage, JSONRPCResponse, RequestId } from '@modelcontextprotocol/server'
import type { CloseReason } from '../../../core/close-reason.ts'
import type { Exchange } from '../../exchange.ts'
import { REFUSED, refusalResponse } from '../../json-rpc.ts'
import type { Outbox } from '../../outbox.ts'
import { JSON_WITHIN_MS, streamHeaders } from '../../outboxes.ts'
import type { Parts } from '../../parts.ts'
import { endedBy } from './in-flight.ts'
import type { MessageStream } from './message-stream.ts'
import type { Posted } from './posted.ts'

/**
 * What the results of one array may come to together, kept until the last is there and a reader has taken them: an array of
 * 6 KB made 32 MB. One after another on a stream they would be there before a reader took the first, and cut it off.
 */
const TOGETHER_BYTES = 1024 * 1024
/** A result up to here is always told: calls that change something have short ones, and must not be made twice. */
const SHORT_BYTES = 4096
const TOO_MUCH = 'The call was made, but the results of this array come to more than 1 MiB; send fewer requests in one.'

export interface AnswerOptions {
  sessionId: string
  parts: Pick<Parts, 'clock' | 'limits'>
  exchange: Exchange
  posted: Posted
  /** A stream of its own. */
  stream: () => MessageStream
}

/**
 * The answer to one POST with requests: a JSON document if the results are all that is sent and come soon, else a stream,
 * which a client that lost its connection may come back to.
 */
export class Answer {
  readonly response: Promise<Response>
  readonly #options: AnswerOptions
  readonly #waiting: Set<RequestId>
  readonly #stopTimer: () => void
  #resolve!: (response: Response) => void
  #ready: { message: JSONRPCResponse; json: string }[] = []
  #readyBytes = 0
  #stream: MessageStream | undefined
  /** Its client hung up before it had an event id to come back by. */
  #lost = false

  constructor(options: AnswerOptions) {
    this.#options = options
    this.#waiting = new Set(options.posted.requests.map(({ id }) => id))
    this.response = new Promise((resolve) => {
      this.#resolve = resolve
    })
    const { clock, limits } = options.parts
    this.#stopTimer = clock.every(limits.jsonWithinMs ?? JSON_WITHIN_MS, () => this.#becomeStream())
  }

  /** The connection it is written to, once it streams and while there is one. */
  get outbox(): Outbox | undefined {
    return this.#stream?.outbox
  }

  /** The answer to one of its requests. @throws what JSON says of a message it cannot write, which then counts as not sent */
  respond(id: RequestId, message: JSONRPCResponse): void {
    if (this.#stream) this.#stream.send(message)
    else this.#collect(id, message)
    this.#settle(id)
  }

  /** What is sent before: progress, log messages, requests to the client. */
  send(message: JSONRPCMessage): void {
    this.#becomeStream()?.send(message)
  }

  /** Its client wants no answer to this one any more, and gets none. */
  cancel(id: RequestId): void {
    this.#settle(id)
  }

  /** Ends the connection, not the answer: the client comes back for it (SEP-1699). */
  pause(): void {
    this.#becomeStream()?.pause()
  }

  /** What has no answer yet gets the one that the session has ended. */
  end(reason: CloseReason): void {
    const [id] = this.#waiting
    if (id === undefined) return
    if (this.#stream || this.#options.posted.batch) {
      for (const each of [...this.#waiting]) this.respond(each, endedBy(reason, each))
      return
    }
    const { error } = endedBy(reason, id)
    this.#waiting.clear()
    this.#over(refusalResponse({ status: reason === 'shutdown' ? 503 : 404, ...error, id }))
  }

  #collect(id: RequestId, message: JSONRPCResponse): void {
    const json = JSON.stringify(message)
    if (this.#lost) return
    const bytes = Buffer.byteLength(json)
    // The first may be larger, as that of a request that came alone.
    if (bytes > SHORT_BYTES && this.#ready.length > 0 && this.#readyBytes + bytes > TOGETHER_BYTES) {
      this.#collect(id, { jsonrpc: '2.0', id, error: { code: REFUSED, message: TOO_MUCH } })
      return
    }
    this.#ready.push({ message, json })
    this.#readyBytes += bytes
  }

  #settle(id: RequestId): void {
    this.#waiting.delete(id)
    if (this.#waiting.size > 0) return
    if (this.#stream) this.#stream.end()
    else this.#over(this.#document())
  }

  #over(response: Response): void {
    this.#stopTimer()
    this.#ready = []
    this.#resolve(response)
  }

  #document(): Response {
    const { posted, sessionId } = this.#options
    const results = this.#ready.map(({ json }) => json)
    // Cancelled: a stream may end without a result, a document may not.
    if (results.length === 0) return new Response(': cancelled\n\n', { headers: streamHeaders() })
    const json = posted.batch ? `[${results.join(',')}]` : results[0]!
    return new Response(json, {
      headers: {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(json)),
        'cache-control': 'no-store',
        'mcp-session-id': sessionId,
      },
    })
  }

  #becomeStream(): MessageStream | undefined {
    if (this.#stream || this.#lost) return this.#stream
    this.#stopTimer()
    const { exchange, sessionId } = this.#options
    if (exchange.request.signal.aborted) {
      this.#lost = true
      this.#ready = []
      return undefined
    }
    const stream = this.#options.stream()
    const outbox = stream.carry(exchange, { lasting: false, after: 0, opening: '' })
    this.#stream = stream
    stream.sendAll(this.#ready.map(({ message }) => message))
    this.#ready = []
    const headers = streamHeaders({ 'mcp-session-id': sessionId })
    this.#resolve(new Response(outbox as unknown as BodyInit, { headers }))
    return stream
  }
}
