import type { Visitor } from '../auth/access.ts'
import { HubError } from '../core/errors.ts'
import { requireJsonDepth } from '../core/json-depth.ts'
import type { Exchange } from '../mcp/exchange.ts'
import { INVALID_REQUEST, PARSE_ERROR, REFUSED, refusalResponse } from '../mcp/json-rpc.ts'
import type { Mcp } from '../mcp/mcp.ts'
import { oversizedMessage } from '../mcp/message-bounds.ts'
import type { Answers } from './answers.ts'
import { type BodyLimit, readBody } from './body.ts'
import type { ByteRoom } from './byte-room.ts'
import type { Addresses, Gate } from './gate.ts'
import { mediaTypeOf } from './media-type.ts'
import { ownHeaders, type SetHeaders } from './own-headers.ts'
import { parametersOf, single } from './parameters.ts'
import { visited } from './visitor.ts'

/** The part of Bun's server a stream needs. */
interface StreamServer extends Addresses {
  timeout(request: Request, seconds: number): void
}

export interface McpRouteOptions {
  mcp: () => Mcp | Promise<Mcp>
  gate: Gate
  answers: Answers
  bodies: ByteRoom
  /** For a body to be complete, milliseconds. */
  bodyTimeoutMs: number
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

type Answer = (mcp: Mcp, exchange: Exchange) => Promise<Response>

class McpRoutes {
  readonly #options: McpRouteOptions

  constructor(options: McpRouteOptions) {
    this.#options = options
  }

  async answer({ request, server, set, visitor }: McpRequest, answer: Answer, body?: unknown): Promise<Response> {
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
    const isDocument = response.status === 200 && response.headers.get('content-type')?.startsWith('application/json')
    return isDocument ? this.#options.answers.untilTaken(response, { request, principal }) : response
  }

  async post(asked: McpRequest, answer: Answer): Promise<Response> {
    const { request, visitor } = asked
    const { bodies, bodyTimeoutMs } = this.#options
    const media = mediaTypeOf(request)
    if (media.name !== 'application/json') {
      return refusalResponse({ status: 415, code: REFUSED, message: 'A message to MCP is sent as application/json.' })
    }
    const holding = bodies.holding(visitor.principal)
    const { text, release } = await readBody(request, { limit, media, timeoutMs: bodyTimeoutMs, holding })
    try {
      const message = parse(text)
      if (message instanceof Response) return message
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
