import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import * as z from 'zod'

const status = {
  name: 'mcp-sse',
  version: '0.1.0',
  state: 'ready',
  mode: 'open',
  principal: 'local',
  grants: { publish: ['**'], subscribe: ['**'], admin: true },
  cursor: 'k3f9a2b7.1042',
}

export const description = 'Says how the server is.'

/** As `hub_status` has it. */
export const statusSchema = z.object({
  name: z.string(),
  version: z.string(),
  state: z.string(),
  mode: z.string(),
  principal: z.string(),
  grants: z.object({ publish: z.array(z.string()), subscribe: z.array(z.string()), admin: z.boolean() }),
  cursor: z.string(),
})

export function answerStatus() {
  return { content: [{ type: 'text' as const, text: JSON.stringify(status) }], structuredContent: status }
}

/** On a server of the SDK 1.x. */
export function addStatusTool(server: McpServer): void {
  server.registerTool('hub_status', { description, inputSchema: {}, outputSchema: statusSchema.shape }, answerStatus)
}
