import {
  ProtocolError,
  ProtocolErrorCode,
  type RequestMethod,
  type RequestTypeMap,
  specTypeSchemas,
} from '@modelcontextprotocol/server'
import { quoted } from '../core/suggest.ts'

/** What the SDK calls the requests that a catalogue answers. */
const TYPES = {
  'tools/list': 'ListToolsRequest',
  'tools/call': 'CallToolRequest',
  'resources/list': 'ListResourcesRequest',
  'resources/templates/list': 'ListResourceTemplatesRequest',
  'resources/read': 'ReadResourceRequest',
  'resources/subscribe': 'SubscribeRequest',
  'resources/unsubscribe': 'UnsubscribeRequest',
  'prompts/list': 'ListPromptsRequest',
  'prompts/get': 'GetPromptRequest',
  'completion/complete': 'CompleteRequest',
} as const satisfies Partial<Record<RequestMethod, keyof typeof specTypeSchemas>>

export type CheckedMethod = keyof typeof TYPES

/** Takes everything: to the SDK, params that are wrong are a failure of the server (-32603) with zod's JSON as its words. */
export const anyParams = {
  '~standard': { version: 1, vendor: 'mcp-sse', validate: (value: unknown) => ({ value }) },
} as const

/** @throws ProtocolError -32602 with a sentence, for params that are not as the specification has them */
export async function checkedRequest<Method extends CheckedMethod>(
  method: Method,
  params: unknown,
): Promise<RequestTypeMap[Method]> {
  const checked = await specTypeSchemas[TYPES[method]]['~standard'].validate({ method, params })
  if (!checked.issues) return checked.value as unknown as RequestTypeMap[Method]
  const [issue] = checked.issues
  const path = issue?.path?.map((part) => String(typeof part === 'object' ? part.key : part)).join('.') ?? ''
  const message = `The params of ${method} are not as MCP has them, at ${quoted(path)}: ${issue?.message}.`
  throw new ProtocolError(ProtocolErrorCode.InvalidParams, message)
}
