import type { JSONRPCErrorResponse, JSONRPCMessage, JSONRPCRequest, RequestId } from '@modelcontextprotocol/server'
import type { CloseReason } from '../../../core/close-reason.ts'
import { SERVER_FAILED } from '../../../core/errors.ts'
import { STREAM_METHOD } from '../../events/events.ts'
import { INTERNAL_ERROR, REFUSED, refusalResponse, UNKNOWN_SESSION } from '../../json-rpc.ts'
import { STOPPING } from '../../stopping.ts'
import { type Posted, refused } from './posted.ts'

/** Requests without an answer that one session may have. */
export const MAX_CALLS = 64

/** Requests that have no answer yet, and what is kept for each. */
export class InFlight<Kept> {
  readonly #kept = new Map<RequestId, Kept>()
  readonly #lasting = new Set<RequestId>()

  get size(): number {
    return this.#kept.size
  }

  /** How many there are without those whose answer lasts. */
  get calls(): number {
    return this.#kept.size - this.#lasting.size
  }

  add(request: JSONRPCRequest, kept: Kept): void {
    this.#kept.set(request.id, kept)
    if (lasts(request)) this.#lasting.add(request.id)
  }

  has(id: RequestId): boolean {
    return this.#kept.has(id)
  }

  get(id: RequestId): Kept | undefined {
    return this.#kept.get(id)
  }

  ids(): RequestId[] {
    return [...this.#kept.keys()]
  }

  values(): Kept[] {
    return [...this.#kept.values()]
  }

  delete(id: RequestId): boolean {
    this.#lasting.delete(id)
    return this.#kept.delete(id)
  }

  clear(): void {
    this.#lasting.clear()
    this.#kept.clear()
  }
}

/** A stream of events takes a place among the connections instead (SEP-3415: no cap on requests counts for it). */
function lasts({ method }: JSONRPCRequest): boolean {
  return method === STREAM_METHOD
}

/** Why these requests are not taken beside those in flight; `undefined`: they are. */
export function refusedCalls(inFlight: InFlight<unknown>, { requests }: Posted): Response | undefined {
  // Under the id it has, the answer could be taken for the first one's.
  if (requests.some(({ id }) => inFlight.has(id))) {
    return refused('A request with this id is still being answered; give each request of a session its own.')
  }
  if (requests.length > MAX_CALLS) return refused(`An array has at most ${MAX_CALLS} requests; send several.`)
  const calls = requests.filter((request) => !lasts(request)).length
  if (inFlight.calls + calls <= MAX_CALLS) return undefined
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
      ? STOPPING
      : { code: UNKNOWN_SESSION, message: 'This session has ended; begin a new one with initialize.' }
  return { jsonrpc: '2.0', id, error }
}

/** The answer to a call whose own answer cannot be written. */
export function unwritable(id: RequestId): JSONRPCErrorResponse {
  return { jsonrpc: '2.0', id, error: { code: INTERNAL_ERROR, message: SERVER_FAILED } }
}
