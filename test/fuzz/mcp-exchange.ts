import { createParser } from 'eventsource-parser'
import { requireJsonDepth } from '../../src/core/json-depth.ts'
import { LOCAL } from '../../src/core/principal.ts'
import type { Exchange } from '../../src/mcp/exchange.ts'
import { withLeaf } from './json-leaf.ts'
import { requestOf } from './wire.ts'

export const BOTH = 'content-type: application/json\r\naccept: application/json, text/event-stream'
/** Of the routes. */
const MAX_DEPTH = 72
const INTERNAL_ERROR = -32603
const LONGEST_SENTENCE = 1000

// biome-ignore lint/suspicious/noExplicitAny: whatever an answer is
export type Message = any

/** @throws HubError `invalid-json`, as the route has it */
export function bodyFrom([template = '', at = '', piece = '']: readonly string[]): unknown {
  const text = JSON.stringify(withLeaf(template, at, piece))
  requireJsonDepth(text, MAX_DEPTH)
  return JSON.parse(text)
}

export function exchangeOf(
  method: string,
  headers: string,
  body: unknown,
): { exchange: Exchange; abort: AbortController } {
  const abort = new AbortController()
  const request = new Request(requestOf('/mcp', headers, method), { signal: abort.signal })
  return { exchange: { request, body, principal: LOCAL, address: '', cut: () => {} }, abort }
}

/** One exchange to its end; of a stream that has none, its beginning. @throws Error for an answer that cannot be */
export async function asked(
  answer: (exchange: Exchange) => Response | Promise<Response>,
  method: string,
  headers: string,
  body: unknown,
) {
  const { exchange, abort } = exchangeOf(method, headers, body)
  const response = await answer(exchange)
  const { status } = response
  if (status >= 500) throw new Error(`Answered ${status}: ${(await response.text()).slice(0, 500)}`)
  const session = response.headers.get('mcp-session-id')
  const lasting = method === 'GET' || isListen(body)
  if (response.headers.get('content-type') === 'text/event-stream') {
    await readStream(response, lasting)
    abort.abort()
    // Let it hear of that.
    await Bun.sleep(0)
  } else {
    const text = await response.text()
    if (text !== '') requireAnswers(JSON.parse(text), body, lengthOf(exchange))
    else if (status !== 202 && status !== 204) throw new Error(`Answered ${status} without a word.`)
  }
  return { status, session }
}

/** Of all that an answer may repeat. */
export function lengthOf({ request, body }: Exchange): number {
  return [...request.headers].reduce((length, [, value]) => length + value.length, JSON.stringify(body ?? '').length)
}

export async function readStream({ body }: Response, lasting: boolean): Promise<void> {
  const parser = createParser({
    onEvent: ({ event = 'message', data }) => {
      if (event === 'message' && data !== '') requireMessage(JSON.parse(data))
    },
  })
  const decoder = new TextDecoder()
  for await (const chunk of body!) {
    parser.feed(decoder.decode(chunk, { stream: true }))
    if (lasting) return
  }
}

/** `quotable`: how long what the SDK repeats in an error may be, besides a sentence. */
export function requireAnswers(answer: unknown, body: unknown, quotable: number): void {
  if (Array.isArray(answer)) {
    if (!Array.isArray(body)) throw new Error('One message was answered by many.')
    for (const each of answer) requireMessage(each)
    return
  }
  const { id } = requireMessage(answer, quotable)
  const asked = (body as Message)?.id
  if (id !== null && id !== undefined && !Object.is(id, asked))
    throw new Error(`The answer is for ${id}, not ${asked}.`)
}

export function requireMessage(message: Message, quotable = 0): Message {
  if (message?.jsonrpc !== '2.0') throw new Error(`This is no JSON-RPC: ${JSON.stringify(message)?.slice(0, 500)}`)
  if (message.error?.code === INTERNAL_ERROR) throw new Error(`It failed: ${JSON.stringify(message).slice(0, 500)}`)
  if (message.error?.message?.length > LONGEST_SENTENCE + quotable)
    throw new Error(`The words of an error are longer than a sentence: ${message.error.message.slice(0, 500)}`)
  return message
}

export function isListen(body: unknown): boolean {
  return (body as Message)?.method === 'subscriptions/listen'
}
