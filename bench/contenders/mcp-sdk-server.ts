import { McpServer as McpServer1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import * as z from 'zod'
import { addStatusTool, answerStatus, description, statusSchema } from './mcp-sdk-tool.ts'

/**
 * What the SDKs' own documentation begins with, and nothing else: one tool that answers with what `hub_status` does,
 * 2026-07-28 by `createMcpHandler`, sessions by the transport of 1.x. `POST /events/*` makes it tell its listeners of one
 * resource. Argument: the port.
 */
const WATCHED = 'events://topics/bench'
const port = Number(process.argv[2])
const info = { name: 'minimal', version: '1.0.0' }
const modern = createMcpHandler(
  () => {
    const server = new McpServer(info, { capabilities: { resources: { subscribe: true } } })
    server.registerTool(
      'hub_status',
      { description, inputSchema: z.object({}), outputSchema: statusSchema },
      answerStatus,
    )
    return server
  },
  { legacy: 'reject', maxSubscriptions: 10_000 },
)

const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>()

async function session(request: Request, body: unknown): Promise<Response> {
  const id = request.headers.get('mcp-session-id')
  const known = id === null ? undefined : sessions.get(id)
  if (known) return known.handleRequest(request, { parsedBody: body })
  if (!isInitializeRequest(body)) return new Response('unknown session', { status: 404 })
  const transport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: () => crypto.randomUUID(),
    onsessioninitialized: (id) => void sessions.set(id, transport),
  })
  const server = new McpServer1(info)
  addStatusTool(server)
  await server.connect(transport)
  return transport.handleRequest(request, { parsedBody: body })
}

Bun.serve({
  port,
  hostname: '127.0.0.1',
  idleTimeout: 0,
  async fetch(request) {
    const { pathname } = new URL(request.url)
    if (pathname === '/readyz') return new Response('ok')
    if (pathname.startsWith('/events/')) {
      modern.notify.resourceUpdated(WATCHED)
      return new Response(null, { status: 201 })
    }
    const body = await request.json()
    const stateless = request.headers.get('mcp-protocol-version') === '2026-07-28'
    return stateless ? modern.fetch(request, { parsedBody: body }) : session(request, body)
  },
})
