import { SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server'
import { STATELESS } from '../../asking.ts'
import { offered } from '../../exchange.ts'
import { REFUSED, refusalResponse, UNKNOWN_SESSION } from '../../json-rpc.ts'

const SIGN = 'The stream of events for EventSource and curl is GET /events.'

/** Whether the client takes what the answer to a message may be. */
export function refusedPost(request: Request): Response | undefined {
  const types = offered(request)
  if (takes(types, 'application/json') && takes(types, 'text/event-stream')) return undefined
  return refusalResponse({
    status: 406,
    code: REFUSED,
    message: 'Accept has to offer both application/json and text/event-stream.',
  })
}

/** The same of a stream, for programs that speak MCP and for people who meant something else. */
export function refusedListening(request: Request): Response | undefined {
  if (takes(offered(request), 'text/event-stream')) return undefined
  return refusalResponse({
    status: 406,
    code: REFUSED,
    message: `MCP speaks here, and answers GET with Accept: text/event-stream. ${SIGN}`,
  })
}

/** GET and DELETE of the version that has neither (2026-07-28). */
export function refusedMethod({ headers, method }: Request): Response | undefined {
  if (headers.get('mcp-protocol-version') !== STATELESS) return undefined
  return refusalResponse({
    status: 405,
    code: REFUSED,
    message: `MCP ${STATELESS} has no ${method}; listen with subscriptions/listen.`,
    headers: { allow: 'POST' },
  })
}

/**
 * `MCP-Protocol-Version` may be left out (clients of 2025-03-26 do not know it). Any version that sessions speak is taken,
 * as both SDKs do, whatever was negotiated: the session knows.
 */
export function refusedVersion({ headers }: Request): Response | undefined {
  const version = headers.get('mcp-protocol-version')
  if (version === null || SUPPORTED_PROTOCOL_VERSIONS.includes(version)) return undefined
  return refusalResponse({
    status: 400,
    code: REFUSED,
    message: `This MCP-Protocol-Version is not one of a session: ${SUPPORTED_PROTOCOL_VERSIONS.join(', ')}.`,
  })
}

export function missingSession({ method }: Request): Response {
  return refusalResponse({
    status: 400,
    code: REFUSED,
    message:
      method === 'GET'
        ? `The header Mcp-Session-Id is missing: MCP begins with POST initialize. ${SIGN}`
        : 'The header Mcp-Session-Id is missing; begin with initialize and send the one of its answer.',
  })
}

/** Never known, expired, ended or another's: byte for byte the same. `begun`: how its transport begins a session. */
export function unknownSession(begun: 'initialize' | 'GET /sse' = 'initialize'): Response {
  return refusalResponse({
    status: 404,
    code: UNKNOWN_SESSION,
    message: `This session is not known (any more); begin a new one with ${begun}.`,
  })
}

function takes(offered: readonly string[], type: string): boolean {
  return offered.includes(type) || offered.includes('*/*') || offered.includes(`${type.split('/', 1)[0]}/*`)
}
