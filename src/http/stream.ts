import type { Visitor } from '../auth/access.ts'
import type { Refusals } from '../auth/refusals.ts'
import type { CloseReason } from '../core/close-reason.ts'
import { narrowFilter } from '../core/grants.ts'
import type { Hub } from '../core/hub.ts'
import type { SocketOwner, Subscription } from '../core/subscription.ts'
import { type Format, Formats, type StreamFacts } from '../sse/format.ts'
import { Stream } from '../sse/stream.ts'
import type { Asking } from './answers.ts'
import { type Addresses, type Gate, noteRefusedStream } from './gate.ts'
import type { IdleTimeout } from './idle-timeout.ts'
import { ownHeaders, type SetHeaders } from './own-headers.ts'
import { pathTail } from './parameters.ts'
import { REQUEST_ID } from './request-id.ts'
import { type StreamQuery, streamQuery, switches } from './stream-query.ts'
import { visited } from './visitor.ts'

/** How long a closed stream may take to write its last frame before the socket is freed. */
const CLOSING_BACKSTOP_MS = 5000

/** The part of Bun's server a stream needs. */
interface StreamServer extends Addresses {
  timeout(request: Request, seconds: number): void
}

export interface StreamOptions {
  hub: Hub
  gate: Gate
  refusals: Refusals
  idleTimeout: IdleTimeout
  /** Milliseconds now, for `since=10m`. */
  now: () => number
  /** Answers `format=json`. */
  history: (query: StreamQuery, asking: Asking) => Promise<Response>
}

/** `GET /events`, `GET /events/{pattern}`: a stream, or a page of history (DESIGN 5). */
export function streamRoutes(options: StreamOptions) {
  const streams = new Streams(options)
  return visited('http/stream')
    .get(
      '/events',
      ({ request, server, set, visitor }) => streams.enter({ request, server, set, pattern: undefined }, visitor),
      { parse: 'none' },
    )
    .get(
      '/events/*',
      ({ request, server, set, visitor }) =>
        streams.enter({ request, server, set, pattern: patternOf(request) }, visitor),
      { parse: 'none' },
    )
}

/** What is in the path of `GET /events/{pattern}`. @throws HubError `invalid-pattern` */
export function patternOf(request: Request): string {
  return pathTail(request, '/events/', 'invalid-pattern')
}

/** One request for a stream, short-lived: nothing of it stays with an idle reader but the request. */
interface StreamRequest {
  request: Request
  server: StreamServer | null
  set: SetHeaders
  pattern: string | undefined
}

class Streams {
  readonly #options: StreamOptions
  readonly #formats = new Formats()
  readonly #facts: StreamFacts

  constructor(options: StreamOptions) {
    this.#options = options
    this.#facts = { cursor: options.hub.cursor }
  }

  /** A reload that came between the gate and here counts: the streams it closes are those that are there by then. */
  enter(asked: StreamRequest, visitor: Visitor): Response | Promise<Response> {
    const known = this.#options.gate.again(asked.request, visitor)
    return known instanceof Promise ? known.then((now) => this.#answer(asked, now)) : this.#answer(asked, known)
  }

  #answer(asked: StreamRequest, visitor: Visitor): Response | Promise<Response> {
    const { request, server, set, pattern } = asked
    const { hub, gate, idleTimeout, now, history } = this.#options
    const query = streamQuery(request, pattern, now())
    if (visitor.unavailable && query.kind === 'json') throw visitor.unavailable
    if (query.kind === 'json') {
      return history(narrowed(query, visitor), { request, set, principal: visitor.principal })
    }
    const format = this.#formats.get({ kind: query.kind, ...switches(query.parameters) })
    if (visitor.unavailable) return this.#refused(format, 'issuer-unavailable', asked, visitor)
    const { filter, start } = narrowed(query, visitor)
    const reader = { principal: visitor.principal, address: gate.addressOf(request, server) }
    const refusal = hub.admission.refusal(reader)
    if (refusal) return this.#refused(format, refusal, asked, visitor)
    const headers = streamHeaders(format, set)
    const subscription = hub.subscribe({ filter, start, kind: query.kind, ...reader })
    idleTimeout.begin(server, request)
    new StreamSocket(subscription, request, server)
    const body = new Stream(subscription, format, this.#facts, hub.admission.retryMs('max-age'))
    return new Response(body as unknown as BodyInit, { headers })
  }

  /** EventSource gives up for good on any answer but 200, so a refusal that is only for now is a stream that ends. */
  #refused(format: Format, reason: CloseReason, asked: StreamRequest, visitor: Visitor): Response {
    const { hub, gate, refusals } = this.#options
    const { request, server, set } = asked
    const id = gate.requestId(request, server)
    noteRefusedStream(refusals, reason, {
      visitor,
      route: asked.pattern === undefined ? 'GET /events' : 'GET /events/*',
      address: () => gate.addressOf(request, server),
      request: id,
    })
    hub.metrics.streamRefusals.add(reason)
    const retryMs = hub.admission.retryMs(reason)
    const owner = { id: '', filter: { patterns: [], types: [], key: '' }, principalId: '', heartbeatMs: 0 }
    const closing = format.control({ kind: 'closing', reason, reconnect: true, retryMs }, owner, this.#facts)
    return new Response(format.hello(retryMs) + closing, {
      headers: { ...streamHeaders(format, set), [REQUEST_ID]: id },
    })
  }
}

/** Everything downstream goes by the filter: fan-out, replay, history. @throws HubError `forbidden`, `invalid-query` */
function narrowed(query: StreamQuery, { principal }: Visitor): StreamQuery {
  return { ...query, filter: narrowFilter(query.filter, principal.grants) }
}

function streamHeaders(format: Format, set: SetHeaders): Record<string, string> {
  const headers = ownHeaders(set)
  headers['content-type'] = format.contentType
  headers['cache-control'] = 'no-store, no-transform'
  // nginx buffers event streams unless the response itself forbids it.
  headers['x-accel-buffering'] = 'no'
  return headers
}

/**
 * The two ways a stream and its socket end each other, in one small object a stream.
 *
 * A client that goes closes the subscription; one that goes before the first chunk was asked for is told by the request's
 * signal alone.
 *
 * Ending a response does not free the socket of a client that has stopped reading: its buffers and descriptor would stay
 * until the client goes. A timeout of one second on the request does, whatever the stream waits for, and does nothing when
 * the response was written whole.
 */
class StreamSocket implements EventListenerObject, SocketOwner {
  readonly #subscription: Subscription
  readonly #request: Request
  readonly #server: StreamServer | null

  constructor(subscription: Subscription, request: Request, server: StreamServer | null) {
    this.#subscription = subscription
    this.#request = request
    this.#server = server
    subscription.socket = this
    const { signal } = request
    signal.addEventListener('abort', this, { once: true })
    if (signal.aborted) this.handleEvent()
  }

  handleEvent(): void {
    this.#subscription.close('client-gone')
  }

  closed(reason: CloseReason): void {
    if (reason === 'client-gone') return
    // A stop waits for it, and with that everybody who is to come back (measured: 3 s instead of 7).
    const ms = reason === 'shutdown' ? 0 : CLOSING_BACKSTOP_MS
    setTimeout(() => this.#server?.timeout(this.#request, 1), ms).unref()
  }
}
