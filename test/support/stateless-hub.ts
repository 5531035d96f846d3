import { EventSourceParserStream } from 'eventsource-parser/stream'
import { type ServedHubOptions, servedHub } from './served-hub.ts'
import { smallCatalogue } from './small-catalogue.ts'
import { until } from './until.ts'

export const VERSION = '2026-07-28'

/** One message of JSON-RPC; whatever is there. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
export type Message = any

export interface AskOptions {
  id?: number | string
  key?: string
  /** `undefined` leaves one out. */
  headers?: Record<string, string | undefined>
  meta?: Record<string, unknown>
  signal?: AbortSignal
}

/** A request of 2026-07-28, whole, as a client sends it. */
export function statelessRequest(method: string, params: Record<string, unknown> = {}, options: AskOptions = {}) {
  const { id = 1, key, headers = {}, meta = {}, signal } = options
  const named = params.name ?? params.uri
  const all: Record<string, string | undefined> = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': VERSION,
    'mcp-method': method,
    'mcp-name': named === undefined ? undefined : String(named),
    authorization: key === undefined ? undefined : `Bearer ${key}`,
    ...headers,
  }
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': VERSION,
    'io.modelcontextprotocol/clientInfo': { name: 'mcp-sse-test', version: '1.0.0' },
    'io.modelcontextprotocol/clientCapabilities': {},
    ...meta,
  }
  return {
    method: 'POST',
    headers: Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => !!entry[1])),
    body: JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta } }),
    ...(signal ? { signal } : {}),
  }
}

/** Headers as they are written on a socket. */
export function headerLines(headers: Record<string, string>): string {
  return Object.entries(headers)
    .filter(([name]) => name !== 'accept')
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')
}

/** The messages of one answer that streams, as they come. */
export class MessageStream {
  readonly messages: Message[] = []
  ended = false
  readonly response: Response
  readonly #abort: AbortController

  constructor(response: Response, abort: AbortController) {
    this.response = response
    this.#abort = abort
    void this.#read()
  }

  /** The URIs told, in order. */
  get told(): string[] {
    return this.messages
      .filter(({ method }) => method === 'notifications/resources/updated')
      .map(({ params }) => params.uri)
  }

  /** What the acknowledgement says is honoured. */
  async acknowledged(): Promise<Message> {
    const first = await until('an acknowledgement', () => this.messages[0])
    return first.params.notifications
  }

  drop(): void {
    this.#abort.abort()
  }

  async #read(): Promise<void> {
    try {
      const events = this.response.body!.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
      for await (const { data } of events) this.messages.push(JSON.parse(data))
    } catch (error) {
      if (!this.#abort.signal.aborted && !(error instanceof Error && 'code' in error)) throw error
    }
    this.ended = true
  }
}

/** The app on a socket with a small catalogue, and a client of 2026-07-28 that does as it is told. */
export async function statelessHub(options: ServedHubOptions = {}) {
  const { catalogue, begun, aborted } = smallCatalogue()
  const served = await servedHub({ catalogue, ...options })
  const ask = (method: string, params: Record<string, unknown> = {}, more: AskOptions = {}) =>
    served.fetch('/mcp', statelessRequest(method, params, more))
  return {
    ...served,
    begun,
    aborted,
    ask,
    async stream(method: string, params: Record<string, unknown> = {}, more: AskOptions = {}): Promise<MessageStream> {
      const abort = new AbortController()
      return new MessageStream(await ask(method, params, { ...more, signal: abort.signal }), abort)
    },
    listen(uris: string[], more: AskOptions & { flags?: Record<string, boolean> } = {}): Promise<MessageStream> {
      const notifications = { ...more.flags, ...(uris.length > 0 ? { resourceSubscriptions: uris } : {}) }
      return this.stream('subscriptions/listen', { notifications }, more)
    },
  }
}

export type StatelessHub = Awaited<ReturnType<typeof statelessHub>>
