import type { Link } from './link.ts'
import { type Message, objectOf, soleCall } from './message.ts'
import type { Route } from './route.ts'

const VERSION_META = 'io.modelcontextprotocol/protocolVersion'

/** Where the value of `Mcp-Name` comes from (2026-07-28, transports, "Standard Request Headers"; SEP-2663 for tasks). */
const NAME_SOURCES: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
])

/** The version that a message names itself, as every request from 2026-07-28 on does. */
export function statelessVersion(message: Message): string | undefined {
  const version = objectOf(soleCall(message)?.params._meta)?.[VERSION_META]
  return typeof version === 'string' ? version : undefined
}

/** 2026-07-28: no session, a POST for each message, and its connection is the request: closing it cancels. */
export function statelessRoute(link: Link, version: string): Route {
  return {
    post: async (message, signal) => ({ response: await link.post(message.text, headersOf(message, version), signal) }),
  }
}

function headersOf(message: Message, version: string): Record<string, string> {
  const headers: Record<string, string> = { 'mcp-protocol-version': fieldValue(version) }
  const call = soleCall(message)
  if (!call) return headers
  headers['mcp-method'] = fieldValue(call.method)
  const name = call.params[NAME_SOURCES.get(call.method) ?? '']
  if (typeof name === 'string') headers['mcp-name'] = fieldValue(name)
  return headers
}

/** As it is, or in the Base64 form for what a field cannot carry (2026-07-28, transports, "Value Encoding"). */
function fieldValue(text: string): string {
  const plain = /^[\t\x20-\x7e]+$/.test(text) && text === text.trim() && !/^=\?base64\?.*\?=$/.test(text)
  return plain ? text : `=?base64?${Buffer.from(text).toString('base64')}?=`
}
