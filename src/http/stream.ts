import { Elysia } from 'elysia'
import type { CloseReason } from '../core/close-reason.ts'
import type { Hub } from '../core/hub.ts'
import { LOCAL } from '../core/principal.ts'
import type { SocketOwner, Subscription } from '../core/subscription.ts'
import { type Format, Formats, type StreamFacts } from '../sse/format.ts'
import { Stream } from '../sse/stream.ts'
import { pathTail } from './parameters.ts'
import { type StreamQuery, streamQuery, switches } from './stream-query.ts'

/** How long a closed stream may take to write its last frame before the socket is freed. */
const CLOSING_BACKSTOP_MS = 5000

/** The part of Bun's server a stream needs. */
interface SocketTimeouts {
  timeout(request: Request, seconds: number): void
}

export interface StreamOptions {
  hub: Hub
  heartbeatMs: number
  /** Milliseconds now, for `since=10m`. */
  now: () => number
  /** Answers `format=json`. */
  history: (query: StreamQuery) => Promise<Response>
}

/** `GET /events`, `GET /events/{pattern}`: a stream, or a page of history (DESIGN 5). */
export function streamRoutes(options: StreamOptions) {
  const streams = new Streams(options)
  return new Elysia({ name: 'http/stream' })
    .get('/events', ({ request, server, set }) => streams.answer(request, server, set, undefined), { parse: 'none' })
    .get(
      '/events/*',
      ({ request, server, set }) =>
        streams.answer(request, server, set, pathTail(request, '/events/', 'invalid-pattern')),
      { parse: 'none' },
    )
}

class Streams {
  readonly #options: StreamOptions
  readonly #formats = new Formats()
  readonly #facts: StreamFacts

  constructor(options: StreamOptions) {
    this.#options = options
    this.#facts = { heartbeatMs: options.heartbeatMs, cursor: options.hub.cursor }
  }

  answer(
    request: Request,
    server: SocketTimeouts | null,
    set: { headers: Record<string, unknown> },
    pattern: string | undefined,
  ): Response | Promise<Response> {
    const { hub, now, history } = this.#options
    const query = streamQuery(request, pattern, now())
    if (query.kind === 'json') return history(query)
    const format = this.#formats.get({ kind: query.kind, ...switches(query.parameters) })
    const headers = streamHeaders(format, set)
    const reader = { principal: LOCAL, address: '' }
    const refusal = hub.refusal(reader)
    if (refusal) return new Response(this.#refused(format, refusal), { headers })
    const subscription = hub.subscribe({ ...query, ...reader })
    new StreamSocket(subscription, request, server)
    const body = new Stream(subscription, format, this.#facts, hub.retryMs('max-age'))
    return new Response(body as unknown as BodyInit, { headers })
  }

  /** EventSource gives up for good on any answer but 200, so a refusal that is only for now is a stream that ends. */
  #refused(format: Format, reason: CloseReason): string {
    const retryMs = this.#options.hub.retryMs(reason)
    const owner = { id: '', filter: { patterns: [], types: [], key: '' }, principal: '' }
    return (
      format.hello(retryMs) + format.control({ kind: 'closing', reason, reconnect: true, retryMs }, owner, this.#facts)
    )
  }
}

/** What `@elysiajs/cors` puts on every answer and only a preflight is asked for. */
const PREFLIGHT_ONLY = new Set([
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-max-age',
])

/**
 * All headers go on the response itself, those of earlier plugins (CORS) included: what is left in `set` makes Elysia
 * 1.4.30 wrap the response again, which costs an idle reader another ReadableStream (measured: 0.9 KiB).
 */
function streamHeaders(format: Format, set: { headers: Record<string, unknown> }): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(set.headers)) if (!PREFLIGHT_ONLY.has(name)) headers[name] = String(value)
  set.headers = {}
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
  readonly #server: SocketTimeouts | null

  constructor(subscription: Subscription, request: Request, server: SocketTimeouts | null) {
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
    setTimeout(() => this.#server?.timeout(this.#request, 1), CLOSING_BACKSTOP_MS).unref()
  }
}
