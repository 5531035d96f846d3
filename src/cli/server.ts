import { version } from '../../package.json'
import type { Access } from '../auth/access.ts'
import { PublishRate } from '../auth/publish-rate.ts'
import { Refusals } from '../auth/refusals.ts'
import type { Config } from '../config/config.ts'
import type { Hub } from '../core/hub.ts'
import { systemClock } from '../daemon/clock.ts'
import type { LogLines } from '../daemon/log-lines.ts'
import { Answers } from '../http/answers.ts'
import { createApp } from '../http/app.ts'
import type { OfferedTypes } from '../mcp/events/offered-types.ts'
import { McpOnDemand } from '../mcp/on-demand.ts'
import type { WebhooksOnDemand } from '../webhooks/on-demand.ts'
import { hubMetrics } from './hub-metrics.ts'

const IDLE_TIMEOUT_S = { least: 60, most: 255 }
/** Memory for what requests read from the log, all together. */
const ANSWER_BYTES = 64 * 1024 * 1024

export interface ServerOptions {
  hub: Hub
  access: Access
  config: Config
  offeredTypes: () => Promise<OfferedTypes>
  webhooks: WebhooksOnDemand
  lines: LogLines
  report: (error: unknown) => void
}

export interface HubServer {
  mcp: McpOnDemand
  /** Another app for another address. */
  app: () => ReturnType<typeof createApp>
}

/** All that is served over one hub. Servers of several addresses share who may come in, how fast they publish, sessions and rooms. */
export function serverOf(options: ServerOptions): HubServer {
  const { hub, access, config, offeredTypes, webhooks, lines, report } = options
  const { stream, limits } = config
  const publishRate = new PublishRate({ perSecond: limits.publishRate, now: systemClock.monotonic })
  const refusals = new Refusals(lines.warn, systemClock.monotonic)
  const answers = new Answers(ANSWER_BYTES)
  const mcp = new McpOnDemand(async () => {
    const { hubMcp } = await import('./hub-mcp.ts')
    return hubMcp({ hub, access, config, types: await offeredTypes(), webhooks, publishRate, answers, report })
  })
  const metrics = hubMetrics({ version, hub, mcp: () => mcp.begun, webhooks: () => webhooks.begun() })
  const heartbeatS = Math.ceil(stream.heartbeatMs / 1000)
  const app = () =>
    createApp({
      hub,
      access,
      mcp: () => mcp.get(),
      webhooks: () => webhooks.get(),
      metrics,
      publishRate,
      refusals,
      answers,
      heartbeatMs: stream.heartbeatMs,
      // A reader that takes a large chunk slowly is not idle; a quiet stream writes a heartbeat long before.
      idleTimeoutS: Math.min(IDLE_TIMEOUT_S.most, Math.max(IDLE_TIMEOUT_S.least, heartbeatS * 2)),
      now: systemClock.now,
      report,
      version,
    })
  return { mcp, app }
}
