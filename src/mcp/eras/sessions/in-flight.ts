import type { JSONRPCErrorResponse, JSONRPCMessage, RequestId } from '@modelcontextprotocol/server'
import type { CloseReason } from '../../../core/close-reason.ts'
import { REFUSED, refusalResponse, UNKNOWN_SESSION } from '../../json-rpc.ts'
import { type Posted, refused } from './posted.ts'

/** Requests without an answer that one session may have. */
export const MAX_CALLS = 64

/** Why these requests are not taken beside those in flight; `undefined`: they are. */
export function refusedCalls(inFlight: ReadonlyMap<RequestId, unknown>, { requests }: Posted): Response | undefined {
  // Under the id it has, the answer could be taken for the first one's.
  if (requests.some(({ id }) => inFlight.has(id))) {
    return refused('A request with this id is still being answered; give each request of a session its own.')
  }
  if (requests.length > MAX_CALLS) return refused(`An array has at most ${MAX_CALLS} requests; send several.`)
  if (inFlight.size + requests.length <= MAX_CALLS) return undefined
  return refusalResponse({
    status: 503,
    code: REFUSED,
    message: `At most ${MAX_CALLS} requests of a session are answered at a time; send this again in a moment.`,
    headers: { 'retry-after': '1' },
  })
}

/** The request that a message cancels. */
export function cancelledBy(message: JSONRPCMessage): RequestId | undefined {
  if (!('method' in message) || 'id' in message || message.method !== 'notifications/cancelled') return undefined
  const id = message.params?.requestId
  return typeof id === 'string' || typeof id === 'number' ? id : undefined
}

/** The answer to a call whose session ends. */
export function endedBy(reason: CloseReason, id: RequestId): JSONRPCErrorResponse {
  const error =
    reason === 'shutdown'
      ? { code: REFUSED, message: 'The server is stopping; begin a new session in a moment.' }
      : { code: UNKNOWN_SESSION, message: 'This session has ended; begin a new one with initialize.' }
  return { jsonrpc: '2.0', id, error }
}

/** The answer to a call whose own answer cannot be written. */
export function unwritable(id: RequestId): JSONRPCErrorResponse {
  return { jsonrpc: '2.0', id, error: { code: -32603, message: 'The server failed; its log says why.' } }
}
