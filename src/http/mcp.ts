import type { Visitor } from '../auth/access.ts'
import type { Refusals } from '../auth/refusals.ts'
import { HubError } from '../core/errors.ts'
import { requireJsonDepth } from '../core/json-depth.ts'
import type { HubMetrics } from '../core/metrics.ts'
import type { Exchange } from '../mcp/exchange.ts'
import { INVALID_REQUEST, PARSE_ERROR, REFUSED, refusalResponse } from '../mcp/json-rpc.ts'
import type { Mcp } from '../mcp/mcp.ts'
import { oversizedMessage } from '../mcp/message-bounds.ts'
import type { Answers } from './answers.ts'
import { type BodyLimit, readBody } from './body.ts'
import type { ByteRoom } from './byte-room.ts'
import { type Addresses, type Gate, noteRefusedMessage } from './gate.ts'
import type { IdleTimeout } from './idle-timeout.ts'
import { mediaTypeOf } from './media-type.ts'
import { ownHeaders, type SetHeaders } from './own-headers.ts'
import { parametersOf, pathOf, single } from './parameters.ts'
import { REQUEST_ID } from './request-id.ts'
import { visited } from './visitor.ts'

/** The part of Bun's server a stream needs. */
interface StreamServer extends Addresses {
  timeout(request: Request, seconds: number): void
}

export interface McpRouteOptions {
  mcp: () => Mcp | Promise<Mcp>
  metrics: Pick<HubMetrics, 'httpErrors'>
  gate: Gate
  refusals: Refusals
  answers: Answers
  bodies: ByteRoom
  /** For a body to be complete, milliseconds. */
  bodyTimeoutMs: number
  idleTimeout: IdleTimeout
}

/** Data of 252 KiB, escaped once more as a string inside a message. */
const limit: BodyLimit = {
  bytes: 2 * 1024 * 1024,
  code: 'body-too-large',
  message: 'A message to MCP has at most 2 MiB; publish larger batches with POST /events.',
}
/** `data` of an event nests 64 deep, inside the arguments of a call inside a batch. */
const MAX_DEPTH = 72

interface McpRequest {
  request: Request
  server: StreamServer | null
  set: SetHeaders
  visitor: Visitor
}

/** MCP's routes: Streamable HTTP of every version, and HTTP+SSE of 2024-11-05 (DESIGN 9). */
export function mcpRoutes(options: McpRouteOptions) {
  const routes = new McpRoutes(options)
  return visited('http/mcp')
    .post(
      '/mcp',
      ({ request, server, set, visitor }) =>
        routes.post({ request, server, set, visitor }, (mcp, exchange) => mcp.post(exchange)),
      { parse: 'none' },
    )
    .get('/mcp', ({ request, server, set, visitor }) =>
      routes.answer({ request, server, set, visitor }, (mcp, exchange) => mcp.sessions.get(exchange)),
    )
    .delete(
      '/mcp',
      ({ request, server, set, visitor }) =>
        routes.answer({ request, server, set, visitor }, (mcp, exchange) => mcp.sessions.delete(exchange)),
      { parse: 'none' },
    )
    .get('/sse', ({ request, server, set, visitor }) =>
      routes.answer({ request, server, set, visitor }, (mcp, exchange) => mcp.sessions.openSse(exchange)),
    )
    .post(
      '/messages',
      ({ request, server, set, visitor }) => {
        const id = single(parametersOf(request, ['sessionId']), 'sessionId') ?? ''
        return routes.post({ request, server, set, visitor }, (mcp, exchange) => mcp.sessions.postMessage(exchange, id))
      },
      { parse: 'none' },
    )
}

type Answer = (mcp: Mcp, exchange: Exchange) => Response | Promise<Response>

class McpRoutes {
  readonly #options: McpRouteOptions

  constructor(options: McpRouteOptions) {
    this.#options = options
  }

  async answer(asked: McpRequest, answer: Answer, body?: unknown): Promise<Response> {
    const { request, server, set, visitor } = asked
    const { gate } = this.#options
    // Before it is asked who that is by now: the first one waits for it to be loaded.
    const found = this.#options.mcp()
    const mcp = found instanceof Promise ? await found : found
    const known = gate.again(request, visitor)
    const { principal } = known instanceof Promise ? await known : known
    const response = await answer(mcp, {
      request,
      body,
      principal,
      address: gate.addressOf(request, server),
      cut: () => server?.timeout(request, 1),
    })
    for (const [name, value] of Object.entries(ownHeaders(set))) response.headers.set(name, value)
    const type = response.headers.get('content-type')
    if (type === 'text/event-stream') this.#options.idleTimeout.begin(server, request)
    const isDocument = response.status === 200 && type?.startsWith('application/json')
    if (isDocument) return this.#options.answers.untilTaken(response, { request, principal })
    return response.status < 400 ? response : this.#refused(asked, response)
  }

  /** By the name under which the log has it, as any other refusal. */
  #refused({ request, server, visitor }: McpRequest, response: Response): Response {
    const { gate, metrics, refusals } = this.#options
    metrics.httpErrors.add(String(response.status), `http-${response.status}`)
    const id = gate.requestId(request, server)
    noteRefusedMessage(refusals, response.status, {
      visitor,
      route: `${request.method} ${pathOf(request)}`,
      address: () => gate.addressOf(request, server),
      request: id,
    })
    response.headers.set(REQUEST_ID, id)
    return response
  }

  async post(asked: McpRequest, answer: Answer): Promise<Response> {
    const { request, visitor } = asked
    const { bodies, bodyTimeoutMs } = this.#options
    const media = mediaTypeOf(request)
    if (media.name !== 'application/json') {
      const message = 'A message to MCP is sent as application/json.'
      return this.#refused(asked, refusalResponse({ status: 415, code: REFUSED, message }))
    }
    const holding = bodies.holding(visitor.principal)
    const { text, release } = await readBody(request, { limit, media, timeoutMs: bodyTimeoutMs, holding })
    try {
      const message = parse(text)
      if (message instanceof Response) return this.#refused(asked, message)
      return await this.answer(asked, answer, message.json)
    } finally {
      release()
    }
  }
}

function parse(text: string): { json: unknown } | Response {
  try {
    requireJsonDepth(text, MAX_DEPTH)
    const json: unknown = JSON.parse(text)
    const oversized = oversizedMessage(json, text)
    if (oversized === undefined) return { json }
    return refusalResponse({ status: 400, code: INVALID_REQUEST, message: oversized })
  } catch (error) {
    const message = error instanceof HubError ? error.message : 'The body is not JSON; send one JSON-RPC message.'
    return refusalResponse({ status: 400, code: PARSE_ERROR, message })
  }
}
