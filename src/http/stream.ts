import { Elysia } from 'elysia'
import type { CloseReason } from '../core/close-reason.ts'
import { HubError } from '../core/errors.ts'
import { type Filter, parseFilter } from '../core/filter.ts'
import type { Hub } from '../core/hub.ts'
import { parseStart, type Start } from '../core/start.ts'
import type { Subscription } from '../core/subscription.ts'
import { encodeText } from '../sse/encode.ts'
import { createFormat, type Format, type FormatOptions, type StreamFacts } from '../sse/format.ts'
import { stream } from '../sse/stream.ts'
import { parametersOf, pathTail, single } from './parameters.ts'

/** How long a closed stream may take to write its last frame before the socket is freed. */
const CLOSING_BACKSTOP_MS = 5000

const STREAM_PARAMETERS = [
  'topic',
  'type',
  'last_event_id',
  'lastEventId',
  'lastEventID',
  'since',
  'last',
  'format',
  'envelope',
  'control',
  'heartbeat',
  'limit',
]

export interface StreamQuery {
  parameters: URLSearchParams
  filter: Filter
  start: Start | undefined
}

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
  const answer = (request: Request, server: SocketTimeouts | null, pattern: string | undefined) =>
    subscribe(options, request, server, pattern)
  return new Elysia({ name: 'http/stream' })
    .get('/events', ({ request, server }) => answer(request, server, undefined), { parse: 'none' })
    .get(
      '/events/*',
      ({ request, server }) => answer(request, server, pathTail(request, '/events/', 'invalid-pattern')),
      {
        parse: 'none',
      },
    )
}

function subscribe(
  options: StreamOptions,
  request: Request,
  server: SocketTimeouts | null,
  pattern: string | undefined,
): Response | Promise<Response> {
  const { hub } = options
  const parameters = parametersOf(request, STREAM_PARAMETERS)
  const kind = formatOf(request, parameters)
  const query = streamQuery(request, parameters, pattern, options.now())
  if (kind === 'json') return options.history(query)
  const format = createFormat({ kind, ...switches(parameters) })
  const refusal = hub.refusal()
  if (refusal) return streamResponse(format, encodeText(refusalText(format, refusal, hub.retryMs(refusal))))
  const subscription = hub.subscribe(query)
  const facts: StreamFacts = {
    connection: subscription.id,
    topics: query.filter.patterns.map((wanted) => wanted.text),
    types: query.filter.types.map((wanted) => wanted.text + (wanted.prefix ? '*' : '')),
    principal: 'local',
    heartbeatMs: options.heartbeatMs,
    retryMs: hub.retryMs('max-age'),
    cursor: hub.cursor,
  }
  if (server) freeSocketAfterClosing(subscription, server, request)
  return streamResponse(format, stream(subscription, format, facts, request.signal))
}

function streamQuery(
  request: Request,
  parameters: URLSearchParams,
  pattern: string | undefined,
  now: number,
): StreamQuery {
  const patterns = parameters.getAll('topic').filter((topic) => topic !== '')
  if (pattern !== undefined) {
    if (patterns.length > 0) {
      throw new HubError('invalid-query', 'Name topics in the path or as ?topic=, not both.', { pointer: '/topic' })
    }
    patterns.push(pattern)
  }
  const types = parameters.getAll('type').filter((type) => type !== '')
  return {
    parameters,
    filter: parseFilter(patterns, types),
    start: parseStart({
      lastEventId:
        request.headers.get('last-event-id') ||
        single(parameters, 'last_event_id') ||
        single(parameters, 'lastEventId') ||
        single(parameters, 'lastEventID'),
      since: single(parameters, 'since'),
      last: single(parameters, 'last'),
      now,
    }),
  }
}

type Kind = FormatOptions['kind'] | 'json'

const MEDIA_TYPES: Record<string, Kind> = {
  'text/event-stream': 'sse',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'application/json': 'json',
}

function formatOf(request: Request, parameters: URLSearchParams): Kind {
  const named = single(parameters, 'format')
  if (named === 'sse' || named === 'ndjson' || named === 'json') return named
  if (named !== undefined) {
    throw new HubError('invalid-query', 'format is sse, ndjson or json.', { pointer: '/format' })
  }
  for (const range of (request.headers.get('accept') ?? '').split(',')) {
    const kind = MEDIA_TYPES[range.split(';', 1)[0]!.trim().toLowerCase()]
    if (kind) return kind
  }
  return 'sse'
}

function switches(parameters: URLSearchParams): Omit<FormatOptions, 'kind'> {
  const heartbeat = single(parameters, 'heartbeat') ?? 'comment'
  if (heartbeat !== 'event' && heartbeat !== 'comment') {
    throw new HubError('invalid-query', 'heartbeat is event or comment.', { pointer: '/heartbeat' })
  }
  return {
    envelope: flag(parameters, 'envelope', false),
    control: flag(parameters, 'control', true),
    heartbeatEvent: heartbeat === 'event',
  }
}

function flag(parameters: URLSearchParams, name: string, standard: boolean): boolean {
  const value = single(parameters, name)
  if (value === undefined) return standard
  if (value === '1' || value === 'true') return true
  if (value === '0' || value === 'false') return false
  throw new HubError('invalid-query', `${name} is 1 or 0.`, { pointer: `/${name}` })
}

/** EventSource gives up for good on any answer but 200, so a refusal that is only for now is a stream that ends. */
function refusalText(format: Format, reason: CloseReason, retryMs: number): string {
  const facts: StreamFacts = {
    connection: '',
    topics: [],
    types: [],
    principal: '',
    heartbeatMs: 0,
    retryMs,
    cursor: () => '',
  }
  return format.hello(facts) + format.control({ kind: 'closing', reason, reconnect: true, retryMs }, facts)
}

function streamResponse(format: Format, body: Uint8Array | AsyncGenerator<Uint8Array>): Response {
  return new Response(body as BodyInit, {
    headers: {
      'content-type': format.contentType,
      'cache-control': 'no-store, no-transform',
      // nginx buffers event streams unless the response itself forbids it.
      'x-accel-buffering': 'no',
    },
  })
}

/**
 * Ending a response does not free the socket of a client that has stopped reading (Bun 1.4.5): its buffers and descriptor
 * would stay until the client goes. A timeout of one second on the request does, wherever the generator is parked, and
 * does nothing when the response was written whole.
 */
function freeSocketAfterClosing(subscription: Subscription, server: SocketTimeouts, request: Request): void {
  subscription.onClosed = (reason) => {
    if (reason === 'client-gone') return
    setTimeout(() => server.timeout(request, 1), CLOSING_BACKSTOP_MS).unref()
  }
}
