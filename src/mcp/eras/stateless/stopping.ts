import { idOf, REFUSED, refusalResponse } from '../../json-rpc.ts'

/** The JSON-RPC error of a call that the end of the server has ended. */
export const STOPPING = { code: REFUSED, message: 'The server is stopping; ask again in a moment.' } as const

/** The same for one that has no stream yet. */
export function stoppingResponse(body: unknown): Response {
  return refusalResponse({ status: 503, ...STOPPING, id: idOf(body), headers: { 'retry-after': '2' } })
}
