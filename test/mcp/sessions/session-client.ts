import { Incoming, type Message } from '../../support/incoming.ts'

export { Incoming, type Message }

type Fetch = (path: string, init?: RequestInit) => Promise<Response>

export interface ClientOptions {
  version?: string
  key?: string
}

/** `undefined` leaves a header out. */
type Headers = Record<string, string | undefined>

export const BOTH = 'application/json, text/event-stream'

/** A client of Streamable HTTP by sessions that does what its test says, right or wrong. */
export class SessionClient {
  /** As the answer to `initialize` named it. */
  id = ''
  readonly version: string
  /** What it shows with its next requests. */
  key: string | undefined
  readonly #fetch: Fetch
  #next = 1

  constructor(fetch: Fetch, { version = '2025-11-25', key }: ClientOptions = {}) {
    this.#fetch = fetch
    this.version = version
    this.key = key
  }

  static async begun(fetch: Fetch, options: ClientOptions = {}): Promise<SessionClient> {
    const client = new SessionClient(fetch, options)
    const answer = await client.initialize()
    if (answer.status !== 200) throw new Error(`initialize was answered ${answer.status}: ${await answer.text()}`)
    client.id = answer.headers.get('mcp-session-id')!
    await client.post({ jsonrpc: '2.0', method: 'notifications/initialized' })
    return client
  }

  initialize(headers: Headers = {}): Promise<Response> {
    return this.send('POST', headers, initializeMessage(this.version))
  }

  send(method: string, headers: Headers = {}, body?: unknown, signal?: AbortSignal): Promise<Response> {
    const all: Headers = {
      accept: method === 'POST' ? BOTH : 'text/event-stream',
      'content-type': body === undefined ? undefined : 'application/json',
      authorization: this.key === undefined ? undefined : `Bearer ${this.key}`,
      'mcp-session-id': this.id || undefined,
      'mcp-protocol-version': this.id ? this.version : undefined,
      ...headers,
    }
    return this.#fetch('/mcp', {
      method,
      headers: Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => !!entry[1])),
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    })
  }

  post(body: unknown, headers: Headers = {}): Promise<Response> {
    return this.send('POST', headers, body)
  }

  request(method: string, params: Record<string, unknown> = {}, id: string | number = this.#next++) {
    return { jsonrpc: '2.0' as const, id, method, params }
  }

  tool(name: string, input: Record<string, unknown> = {}, { id, progress = false }: CallOptions = {}) {
    const meta = progress ? { _meta: { progressToken: 'p' } } : {}
    return this.request('tools/call', { name, arguments: input, ...meta }, id)
  }

  /** The text of a result that is JSON. */
  async call(name: string, input: Record<string, unknown> = {}): Promise<string> {
    const answer = await this.post(this.tool(name, input))
    const { result, error } = (await answer.json()) as Message
    if (!result) throw new Error(JSON.stringify(error))
    return result.content[0].text
  }

  /** An answer that may stream. */
  async stream(body: unknown): Promise<Incoming> {
    const abort = new AbortController()
    return new Incoming(await this.send('POST', {}, body, abort.signal), abort)
  }

  async listen(lastEventId?: string): Promise<Incoming> {
    const abort = new AbortController()
    return new Incoming(await this.send('GET', { 'last-event-id': lastEventId }, undefined, abort.signal), abort)
  }
}

export interface CallOptions {
  id?: string | number
  progress?: boolean
}

export function initializeMessage(protocolVersion: string, id: string | number = 0) {
  const clientInfo = { name: 'mcp-sse-test', version: '1.0.0' }
  return {
    jsonrpc: '2.0',
    id,
    method: 'initialize',
    params: { protocolVersion, capabilities: { elicitation: {} }, clientInfo },
  }
}
