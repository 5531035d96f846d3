import type { RequestId } from '@modelcontextprotocol/server'
import { REFUSED, refusalResponse } from './json-rpc.ts'

/** Said of everything that the end of the server ends or refuses. */
export const SERVER_STOPPING = 'The server is stopping; it will be back, try again in a moment.'

/** The JSON-RPC error of a call that the end of the server has ended. */
export const STOPPING = { code: REFUSED, message: SERVER_STOPPING } as const

/** The same for one that has no stream yet. */
export function stoppingResponse(id: RequestId | null): Response {
  return refusalResponse({ status: 503, ...STOPPING, id, headers: { 'retry-after': '2' } })
}
