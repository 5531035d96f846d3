import { envelope } from '../rows/mcp-calls.ts'
import { streamRequest } from './churn.ts'
import type { Ledger } from './ledger.ts'
import { StreamSocket } from './stream-socket.ts'

const VERSION = '2025-06-18'
const STATELESS = '2026-07-28'
const BASE = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
const STREAM_MS = 3_000
const calls: [string, Record<string, unknown>][] = [
  ['hub_status', {}],
  ['list_topics', {}],
  ['read_events', { topics: ['soak/1/*'] }],
  ['wait_for_event', { topics: ['soak/2/*'], timeout_seconds: 1 }],
  ['publish_event', { topic: 'agents/said', data: { text: 'still here' } }],
]

export interface AgentsOptions {
  port: number
  headers: Record<string, string>
  perSecond: number
  ledger: Ledger
}

/** Agents that open a session, call a tool, perhaps hold a stream, and leave without a word; and some that need no session. */
export class Agents {
  readonly #options: AgentsOptions
  readonly #streams = new Set<StreamSocket>()
  #beat: Timer | undefined
  #turn = 0

  constructor(options: AgentsOptions) {
    this.#options = options
  }

  start(): void {
    this.#beat ??= setInterval(() => void this.#visit(), 1000 / this.#options.perSecond)
  }

  stop(): void {
    clearInterval(this.#beat)
    this.#beat = undefined
    for (const stream of this.#streams) stream.hangUp('rst')
  }

  async #visit(): Promise<void> {
    const { ledger } = this.#options
    const turn = this.#turn++
    try {
      if (turn % 10 === 0) this.#overSse()
      else if (turn % 3 === 0) await this.#stateless(turn)
      else await this.#session(turn)
    } catch (error) {
      ledger.failed('An agent failed', error)
    }
  }

  async #session(turn: number): Promise<void> {
    const clientInfo = { name: 'soak', version: '1' }
    const params = { protocolVersion: VERSION, capabilities: {}, clientInfo }
    const opened = await this.#post({ id: 1, method: 'initialize', params })
    const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '', 'mcp-protocol-version': VERSION }
    await this.#post({ method: 'notifications/initialized' }, session)
    if (turn % 2 === 0) {
      this.#stream(streamRequest('/mcp', { ...this.#options.headers, ...session }))
      await this.#post({ id: 2, method: 'resources/subscribe', params: { uri: 'events://topics/soak/3/1' } }, session)
    }
    const [name, args] = calls[turn % calls.length]!
    await this.#post({ id: 3, method: 'tools/call', params: { name, arguments: args } }, session)
    this.#options.ledger.count('MCP sessions opened and left')
  }

  async #stateless(turn: number): Promise<void> {
    const [name, args] = calls[turn % calls.length]!
    const params = { name, arguments: args, _meta: envelope(STATELESS) }
    const headers = { 'mcp-protocol-version': STATELESS, 'mcp-method': 'tools/call', 'mcp-name': name }
    await this.#post({ id: 1, method: 'tools/call', params }, headers)
    this.#options.ledger.count('MCP calls without a session')
  }

  #overSse(): void {
    this.#stream(streamRequest('/sse', this.#options.headers))
    this.#options.ledger.count('MCP sessions over HTTP+SSE opened and left')
  }

  #stream(request: string): void {
    const stream = new StreamSocket({
      port: this.#options.port,
      request,
      onEnd: () => this.#streams.delete(stream),
    })
    this.#streams.add(stream)
    setTimeout(() => stream.hangUp('rst'), Math.random() * STREAM_MS)
  }

  async #post(message: object, headers: Record<string, string> = {}): Promise<Response> {
    const response = await fetch(`http://127.0.0.1:${this.#options.port}/mcp`, {
      method: 'POST',
      headers: { ...BASE, ...this.#options.headers, ...headers },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
      // A connection each: kept ones would still be there when the others are gone.
      keepalive: false,
      signal: AbortSignal.timeout(10_000),
    })
    const text = await response.text()
    if (!response.ok || text.includes('"error":{') || text.includes('"isError":true')) {
      throw new Error(`${JSON.stringify(message).slice(0, 120)} → ${response.status} ${text.slice(0, 200)}`)
    }
    return response
  }
}
