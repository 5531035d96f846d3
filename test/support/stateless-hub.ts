import { Incoming, type Message } from './incoming.ts'
import { type ServedHubOptions, servedHub } from './served-hub.ts'
import { smallCatalogue } from './small-catalogue.ts'
import { until } from './until.ts'

export const VERSION = '2026-07-28'

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

/** An answer that streams, of which the first message may be the acknowledgement. */
export class MessageStream extends Incoming {
  /** What it says is honoured. */
  async acknowledged(): Promise<Message> {
    const first = await until('an acknowledgement', () => this.messages[0])
    return first.params.notifications
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
