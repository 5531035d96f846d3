import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import {
  type EventStore,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import {
  CallToolRequestSchema,
  type JSONRPCMessage,
  ListToolsRequestSchema,
  SetLevelRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import {
  createMcpHandler,
  isLegacyRequest,
  type McpHttpHandler,
  Server as StatelessServer,
} from '@modelcontextprotocol/server'
import { freePort } from './port.ts'

/** `hang` answers when its call is cancelled or `release` is called; `drop` breaks its own stream before it answers. */
const TOOLS = ['echo', 'hang', 'drop'].map((name) => ({ name, inputSchema: { type: 'object' as const } }))
const CAPABILITIES = { tools: {}, resources: { subscribe: true }, logging: {} }

interface OpenSession {
  server: Server
  transport: WebStandardStreamableHTTPServerTransport
  uris: Set<string>
}

/**
 * An MCP server made of the SDKs alone: sessions by the 1.x one, 2026-07-28 by the 2.x one. `stop` and `start` are the
 * crash and the restart of a server that forgets its sessions.
 */
export class SdkServer {
  readonly port: number
  readonly url: string
  /** What was asked, in order: `POST 2025-11-25 tools/call`. */
  readonly requests: { method: string; headers: Headers; body: string }[] = []
  /** Of the GETs whose streams are open, or were: what is sent to the session comes there. */
  readonly streams: Headers[] = []
  /** Answers instead of the SDKs while it gives something. */
  intercept: (request: Request, body: string) => Response | undefined | Promise<Response | undefined> = () => undefined
  readonly sessions = new Map<string, OpenSession>()
  /** `logging/setLevel` and `resources/subscribe` as the sessions saw them. */
  readonly standing: string[] = []
  /** How many `hang` are under way, of both eras. */
  hanging = 0
  #release = Promise.withResolvers<void>()
  #modern: McpHttpHandler | undefined
  #server: Bun.Server<undefined> | undefined

  constructor(port = freePort()) {
    this.port = port
    this.url = `http://127.0.0.1:${port}`
    this.start()
  }

  start(): void {
    this.#modern = createMcpHandler(() => this.#statelessServer(), { legacy: 'reject' })
    this.#server = Bun.serve({
      port: this.port,
      hostname: '127.0.0.1',
      development: false,
      idleTimeout: 60,
      fetch: (request) => this.#answer(request),
    })
  }

  /** Connections break; sessions are forgotten. */
  async stop(): Promise<void> {
    await this.#server?.stop(true)
    this.#server = undefined
    this.sessions.clear()
  }

  release(): void {
    this.#release.resolve()
    this.#release = Promise.withResolvers()
  }

  async resourceUpdated(uri: string): Promise<void> {
    this.#modern!.notify.resourceUpdated(uri)
    for (const { server, uris } of this.sessions.values()) if (uris.has(uri)) await server.sendResourceUpdated({ uri })
  }

  /** Ends the sessions' notification streams as a network that breaks does. */
  closeStreams(): void {
    for (const { transport } of this.sessions.values()) transport.closeStandaloneSSEStream()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release()
    await this.stop()
  }

  async #answer(request: Request): Promise<Response> {
    const body = await request.text()
    this.requests.push({ method: request.method, headers: request.headers, body })
    const intercepted = await this.intercept(request, body)
    if (intercepted) return intercepted
    if (new URL(request.url).pathname !== '/mcp') return new Response('elsewhere', { status: 404 })
    const parsedBody = body === '' ? undefined : JSON.parse(body)
    if (!(await isLegacyRequest(request, parsedBody))) return await this.#modern!.fetch(request, { parsedBody })
    const known = this.sessions.get(request.headers.get('mcp-session-id') ?? '')
    if (known) {
      const response = await known.transport.handleRequest(request, { parsedBody })
      if (request.method === 'GET' && response.ok) this.streams.push(request.headers)
      return started(response)
    }
    const unknown = request.headers.has('mcp-session-id')
    const error = { code: unknown ? -32001 : -32000, message: unknown ? 'Session not found' : 'No session' }
    if (parsedBody?.method !== 'initialize') {
      return Response.json({ jsonrpc: '2.0', id: null, error }, { status: unknown ? 404 : 400 })
    }
    return started(await (await this.#openSession()).transport.handleRequest(request, { parsedBody }))
  }

  async #openSession(): Promise<OpenSession> {
    const uris = new Set<string>()
    const events = new MemoryEvents()
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      eventStore: events,
      retryInterval: 50,
      onsessioninitialized: (id) => {
        this.sessions.set(id, session)
      },
      onsessionclosed: (id) => {
        this.sessions.delete(id)
      },
    })
    const server = new Server({ name: 'sdk', version: '1' }, { capabilities: CAPABILITIES })
    const session = { server, transport, uris }
    server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: TOOLS }))
    server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
      if (params.name === 'hang') await this.#hang(extra.signal)
      if (params.name === 'drop') extra.closeSSEStream?.()
      return { content: [{ type: 'text', text: JSON.stringify(params.arguments ?? {}) }] }
    })
    server.setRequestHandler(SubscribeRequestSchema, ({ params }) => {
      this.standing.push(params.uri)
      uris.add(params.uri)
      return {}
    })
    server.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => {
      uris.delete(params.uri)
      return {}
    })
    server.setRequestHandler(SetLevelRequestSchema, ({ params }) => {
      this.standing.push(params.level)
      return {}
    })
    await server.connect(transport)
    return session
  }

  #statelessServer(): StatelessServer {
    const server = new StatelessServer({ name: 'sdk', version: '2' }, { capabilities: CAPABILITIES })
    server.setRequestHandler('tools/list', () => ({ tools: TOOLS }))
    server.setRequestHandler('tools/call', async ({ params }, context) => {
      if (params.name === 'hang') await this.#hang(context.mcpReq.signal)
      return { content: [{ type: 'text', text: JSON.stringify(params.arguments ?? {}) }] }
    })
    return server
  }

  async #hang(signal: AbortSignal): Promise<void> {
    this.hanging++
    const aborted = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => aborted.resolve())
    await Promise.race([this.#release.promise, aborted.promise])
    this.hanging--
  }
}

/** Bun sends headers with the first byte of a body; the SDK's streams have none until the first message. */
function started(response: Response): Response {
  if (!response.headers.get('content-type')?.startsWith('text/event-stream') || !response.body) return response
  const body = response.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode(': open\n\n')),
    }),
  )
  return new Response(body, { status: response.status, headers: response.headers })
}

class MemoryEvents implements EventStore {
  readonly #events: { stream: string; message: JSONRPCMessage }[] = []

  async storeEvent(stream: string, message: JSONRPCMessage): Promise<string> {
    return String(this.#events.push({ stream, message }))
  }

  async getStreamIdForEventId(id: string): Promise<string | undefined> {
    return this.#events[Number(id) - 1]?.stream
  }

  async replayEventsAfter(
    id: string,
    { send }: { send: (id: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string> {
    const stream = this.#events[Number(id) - 1]!.stream
    for (const [index, event] of this.#events.entries()) {
      const filled = Object.keys(event.message).length > 0
      if (index >= Number(id) && event.stream === stream && filled) await send(String(index + 1), event.message)
    }
    return stream
  }
}
