import {
  ProtocolError,
  ProtocolErrorCode,
  type RequestMethod,
  type RequestTypeMap,
  specTypeSchemas,
  type Transport,
} from '@modelcontextprotocol/server'
import { quoted } from '../core/suggest.ts'
import { isRequest } from './json-rpc.ts'
import { protocolErrorOf } from './refusal.ts'

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
export function checkedRequest<Method extends CheckedMethod>(method: Method, params: unknown): RequestTypeMap[Method] {
  const checked = specTypeSchemas[TYPES[method]]['~standard'].validate({ method, params })
  if (checked instanceof Promise) throw new TypeError(`the schema of ${method} does not answer at once`)
  if (!checked.issues) return checked.value as unknown as RequestTypeMap[Method]
  const [issue] = checked.issues
  const path = issue?.path?.map((part) => String(typeof part === 'object' ? part.key : part)).join('.') ?? ''
  const message = `The params of ${method} are not as MCP has them, at ${quoted(path)}: ${issue?.message}.`
  throw new ProtocolError(ProtocolErrorCode.InvalidParams, message)
}

/** The request that the SDK (2.4.0) checks by itself around the handler, and refuses with zod's JSON as its words. */
export const CHECKED_BEFORE = 'tools/call'

/** Has bad params of `CHECKED_BEFORE` refused before the SDK sees them. To be called once it listens to the transport. */
export function checkBefore(transport: Transport, report: (error: unknown) => void): void {
  const { onmessage } = transport
  transport.onmessage = (message, extra) => {
    if (isRequest(message) && message.method === CHECKED_BEFORE) {
      try {
        checkedRequest(CHECKED_BEFORE, message.params)
      } catch (error) {
        const { code, message: sentence } = protocolErrorOf(error, report)
        transport.send({ jsonrpc: '2.0', id: message.id, error: { code, message: sentence } }).catch(report)
        return
      }
    }
    onmessage?.(message, extra)
  }
}
