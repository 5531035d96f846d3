import { type JSONRPCMessage, type JSONRPCRequest, parseJSONRPCMessage } from '@modelcontextprotocol/server'
import { INVALID_REQUEST, idOf, isRequest, refusalResponse } from '../../json-rpc.ts'

/** What one POST brought. */
export interface Posted {
  messages: readonly JSONRPCMessage[]
  /** Those of them that want an answer. */
  requests: readonly JSONRPCRequest[]
  /** Sent as an array, and so answered as one. */
  batch: boolean
}

/** As many as the SDK takes. */
const MOST_MESSAGES = 100
/** The last version with arrays of messages (2025-06-18, changelog). */
export const BATCHES_UNTIL = '2025-03-26'

/** @returns what was posted, or the refusal of what is no JSON-RPC */
export function readPosted(body: unknown): Posted | Response {
  const batch = Array.isArray(body)
  const parts: unknown[] = batch ? body : [body]
  if (parts.length === 0) return refused('An array of messages has at least one.')
  if (parts.length > MOST_MESSAGES) return refused(`An array of messages has at most ${MOST_MESSAGES}; send several.`)
  const messages: JSONRPCMessage[] = []
  for (const [index, part] of parts.entries()) {
    const message = parsed(part)
    const where = batch ? `Message ${index}` : 'This'
    if (!message) return refused(`${where} is not a JSON-RPC 2.0 message as MCP has them.`, batch ? null : idOf(part))
    messages.push(message)
  }
  const requests = messages.filter(isRequest)
  if (new Set(requests.map(({ id }) => id)).size < requests.length) {
    return refused('Two requests of one array have the same id; give each its own.')
  }
  return { messages, requests, batch }
}

export function refused(message: string, id: string | number | null = null): Response {
  return refusalResponse({ status: 400, code: INVALID_REQUEST, message, id })
}

function parsed(part: unknown): JSONRPCMessage | undefined {
  try {
    return parseJSONRPCMessage(part)
  } catch {
    // What zod says of a union is no help to anybody.
    return undefined
  }
}
