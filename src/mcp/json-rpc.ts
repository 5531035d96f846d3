import type { JSONRPCMessage, JSONRPCRequest, RequestId } from '@modelcontextprotocol/server'
import { HubError } from '../core/errors.ts'

/** JSON-RPC 2.0, section 5.1, and what MCP's Streamable HTTP adds. */
export const PARSE_ERROR = -32700
export const INVALID_REQUEST = -32600
export const INVALID_PARAMS = -32602
export const INTERNAL_ERROR = -32603
/** A request the server is not ready or willing to take. */
export const REFUSED = -32000
/** The session is not known (any more): the client begins with a new one. */
export const UNKNOWN_SESSION = -32001

export interface RpcRefusal {
  status: number
  code: number
  message: string
  /** Of the request that is refused, where it could be read. */
  id?: RequestId | null
  headers?: Record<string, string>
}

/** A refusal outside of any session or stream, as Streamable HTTP answers it. */
export function refusalResponse({ status, code, message, id = null, headers }: RpcRefusal): Response {
  return Response.json(
    { jsonrpc: '2.0', error: { code, message }, id },
    { status, headers: { 'cache-control': 'no-store', ...headers } },
  )
}

/** One message of a stream: the SSE form of MCP, which has no other event than `message`. */
export function messageFrame(message: unknown, eventId?: string): string {
  return frameOf(JSON.stringify(message), eventId)
}

/** The same of a message that is JSON, on one line, already. */
export function frameOf(json: string, eventId?: string): string {
  const id = eventId === undefined ? '' : `id: ${eventId}\n`
  return `event: message\n${id}data: ${json}\n\n`
}

/** Of what has been checked to be a message. */
export function isRequest(message: JSONRPCMessage): message is JSONRPCRequest {
  return 'method' in message && 'id' in message
}

/** The id of a request, `null` of anything else. */
export function idOf(body: unknown): RequestId | null {
  if (typeof body !== 'object' || body === null || Array.isArray(body) || !('method' in body) || !('id' in body))
    return null
  const { id } = body
  return typeof id === 'string' || typeof id === 'number' ? id : null
}

/** What is full for now. */
export function fullResponse(error: unknown, id: RequestId | null = null): Response {
  if (!(error instanceof HubError)) throw error
  const retryAfter = { 'retry-after': String(Math.max(1, Math.ceil((error.retryAfterMs ?? 1000) / 1000))) }
  return refusalResponse({ status: 503, code: REFUSED, message: error.message, id, headers: retryAfter })
}
