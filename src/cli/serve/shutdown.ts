import type { Hub } from '../../core/hub.ts'
import type { Listeners } from '../../http/listen.ts'
import type { McpOnDemand } from '../../mcp/on-demand.ts'
import type { WebhooksOnDemand } from '../../webhooks/on-demand.ts'

/** What runs; a start that fails leaves some of it out. */
export interface Running {
  hub: Hub | undefined
  mcp: McpOnDemand | undefined
  webhooks: WebhooksOnDemand | undefined
  listeners: Listeners | undefined
}

/** Streams are told before their sockets are closed; what does not go in time is cut off. */
export async function shutDown({ hub, mcp, webhooks, listeners }: Running, timeoutMs: number): Promise<void> {
  let late: ReturnType<typeof setTimeout> | undefined
  const patience = new Promise<void>((resolve) => {
    late = setTimeout(resolve, timeoutMs)
  })
  const answered = listeners?.stop()
  // First the hub: a call of MCP that waits at it is answered with the place to go on from. What streams leave of the
  // time is for those that take their last frame slowly and for what is being sent.
  await hub?.drain(timeoutMs / 2)
  const sent = (await webhooks?.begun())?.stop(timeoutMs / 2)
  await mcp?.drain()
  await Promise.race([answered, patience])
  // A timer that is left would keep the process for the rest of its time.
  clearTimeout(late)
  await listeners?.cutOff()
  await sent
  mcp?.close()
  hub?.close()
}
