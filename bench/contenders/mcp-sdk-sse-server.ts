import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { addStatusTool } from './mcp-sdk-tool.ts'

/** HTTP+SSE of 2024-11-05 by the SDK's own transport, which takes Node's requests. Argument: the port. */
const sessions = new Map<string, SSEServerTransport>()

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1')
  if (url.pathname === '/sse') {
    const transport = new SSEServerTransport('/messages', response)
    sessions.set(transport.sessionId, transport)
    const server = new McpServer({ name: 'minimal', version: '1.0.0' })
    addStatusTool(server)
    await server.connect(transport)
  } else if (url.pathname === '/messages') {
    const transport = sessions.get(url.searchParams.get('sessionId') ?? '')
    if (transport) await transport.handlePostMessage(request, response)
    else response.writeHead(404).end()
  } else response.writeHead(200).end('ok')
}

createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    console.error(error)
    if (!response.headersSent) response.writeHead(500).end()
  })
}).listen(Number(process.argv[2]), '127.0.0.1')
