import { join } from 'node:path'
import { get, post } from '../http-text.ts'
import type { Contender } from './contender.ts'

/** The MCP SDKs' own minimal server: what the protocol costs without a hub behind it. */
export function mcpSdk(transport: 'http' | 'http-sse' = 'http'): Contender {
  const script = transport === 'http' ? 'mcp-sdk-server.ts' : 'mcp-sdk-sse-server.ts'
  return {
    name: 'sdk',
    about: 'the MCP SDKs’ own minimal server (1.x sessions, 2.x createMcpHandler), from source on the same Bun',
    ready: '/readyz',
    stream: get('/readyz'),
    publish: (data) => post('/events/bench', data, { 'content-type': 'application/json' }),
    launch: async ({ port }) => ({
      command: [process.execPath, 'run', join(import.meta.dir, script), String(port)],
      environment: { NODE_ENV: 'production' },
    }),
  }
}
