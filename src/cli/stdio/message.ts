import { INVALID_REQUEST, PARSE_ERROR } from '../../mcp/json-rpc.ts'

/** Answered by a stream without end (2026-07-28). */
export const LISTEN = 'subscriptions/listen'
/** The same of MCP Events, in every version. */
const EVENTS_STREAM = 'events/stream'

export type Id = string | number

/** One JSON-RPC message, or one of a batch, as far as a bridge looks into it. */
export interface Part {
  id: Id | undefined
  /** None in an answer. */
  method: string | undefined
  params: Readonly<Record<string, unknown>>
  result: Readonly<Record<string, unknown>> | undefined
  error: Readonly<Record<string, unknown>> | undefined
}

/** What travels together: the text as it came, and what is in it. */
export interface Message {
  text: string
  parts: readonly Part[]
}

/** The message, or the code of the JSON-RPC error that says why it is none. */
export function parseMessage(text: string): Message | number {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Whoever sent it is told: that is what the code is for.
    return PARSE_ERROR
  }
  const values: unknown[] = Array.isArray(value) ? value : [value]
  const parts = values.map(partOf).filter((part) => part !== undefined)
  return parts.length === values.length && parts.length > 0 ? { text, parts } : INVALID_REQUEST
}

export function requestIds({ parts }: Message): Id[] {
  return parts.filter(({ method }) => method !== undefined).flatMap(({ id }) => id ?? [])
}

/** The one request or notification of a message; `undefined` for answers and batches. */
export function soleCall({ parts }: Message): (Part & { method: string }) | undefined {
  const [part] = parts
  return parts.length === 1 && part?.method !== undefined ? { ...part, method: part.method } : undefined
}

/** Whether it is a request that goes on until somebody ends it. */
export function isEndless(message: Message): boolean {
  const method = soleCall(message)?.method
  return method === LISTEN || method === EVENTS_STREAM
}

export function errorText(id: Id | null, code: number, message: string, data?: object): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code, message, ...(data ? { data } : {}) } })
}

export function callText(method: string, params: object | undefined, id?: Id): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params })
}

function partOf(value: unknown): Part | undefined {
  const fields = objectOf(value)
  if (fields?.jsonrpc !== '2.0') return undefined
  const { id, method } = fields
  const result = objectOf(fields.result)
  const error = objectOf(fields.error)
  if (typeof method !== 'string' && !result && !error) return undefined
  return {
    id: typeof id === 'string' || typeof id === 'number' ? id : undefined,
    method: typeof method === 'string' ? method : undefined,
    params: objectOf(fields.params) ?? {},
    result,
    error,
  }
}

export function objectOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}
