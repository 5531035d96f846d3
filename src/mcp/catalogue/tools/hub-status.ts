import * as z from 'zod'
import { grantsDocument } from '../../../core/grants.ts'
import type { Hub } from '../../../core/hub.ts'
import type { Tool } from '../catalogue.ts'
import { defineTool } from '../tool.ts'

export interface HubStatusOptions {
  hub: Pick<Hub, 'admission' | 'log'>
  mode: () => 'open' | 'credentials'
  name: string
  version: string
}

const output = z.strictObject({
  name: z.string().describe('Name of this server.'),
  version: z.string().describe('Its version.'),
  state: z
    .enum(['ready', 'draining', 'failed'])
    .describe('ready: works. draining: stops now, come back in a moment. failed: its log failed, tell the operator.'),
  mode: z
    .enum(['open', 'credentials'])
    .describe('open: everyone on this machine may do everything. credentials: each caller has grants of their own.'),
  principal: z.string().describe('Who you are to the hub.'),
  grants: z
    .strictObject({
      publish: z.array(z.string()).describe('Patterns of topics you may publish to.'),
      subscribe: z.array(z.string()).describe('Patterns of topics you may read.'),
      types: z.array(z.string()).optional().describe('Only these types may be read. Not there: every type.'),
      admin: z.boolean().describe('Whether you may administrate the hub, which is not done through these tools.'),
      metrics: z.boolean().optional().describe('Whether you may read its metrics, over HTTP.'),
    })
    .describe('What you may do.'),
  cursor: z.string().describe('The newest place in the log: as since it means from now on.'),
  oldestCursor: z
    .string()
    .optional()
    .describe('Cursor of the oldest event that is kept, of any topic. Not there: none is.'),
})

export function hubStatus({ hub, mode, name, version }: HubStatusOptions): Tool {
  return defineTool({
    name: 'hub_status',
    title: 'Status of the hub',
    description:
      'Says whether the hub works, who you are to it and what you may publish and read, and the newest cursor. ' +
      'Use it first when something is refused, or to learn which topics and patterns are yours.',
    input: z.strictObject({}),
    output,
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    offered: () => true,
    async run(_input, { principal }) {
      const { generations, head, oldest } = hub.log
      return {
        structured: {
          name,
          version,
          state: hub.admission.state,
          mode: mode(),
          principal: principal.id,
          grants: grantsDocument(principal.grants),
          cursor: generations.cursor(head),
          ...(oldest <= head ? { oldestCursor: generations.cursor(oldest) } : {}),
        },
      }
    },
  })
}
