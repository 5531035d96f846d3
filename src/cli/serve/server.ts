import { version } from '../../../package.json'
import type { Access } from '../../auth/access.ts'
import { PublishRate } from '../../auth/publish-rate.ts'
import { Refusals } from '../../auth/refusals.ts'
import type { Hub } from '../../core/hub.ts'
import { systemClock } from '../../daemon/clock.ts'
import type { Report } from '../../daemon/failure-report.ts'
import type { ServerLog } from '../../daemon/server-log.ts'
import { Answers } from '../../http/answers.ts'
import { createApp } from '../../http/app.ts'
import { Rooms } from '../../http/rooms.ts'
import type { OfferedTypes } from '../../mcp/events/offered-types.ts'
import { McpOnDemand } from '../../mcp/on-demand.ts'
import { logFileSizes } from '../../storage/open.ts'
import type { WebhooksOnDemand } from '../../webhooks/on-demand.ts'
import type { HubCertificate } from './hub-certificate.ts'
import { hubMetrics } from './hub-metrics.ts'
import type { LiveSettings } from './live-settings.ts'

/** Memory for what requests read from the log, all together. */
const ANSWER_BYTES = 64 * 1024 * 1024

export interface ServerOptions {
  hub: Hub
  access: Access
  live: LiveSettings
  offeredTypes: () => Promise<OfferedTypes>
  webhooks: WebhooksOnDemand
  certificate: Pick<HubCertificate, 'shown'>
  serverLog: Pick<ServerLog, 'lines' | 'lost'>
  report: Report
}

export interface HubServer {
  mcp: McpOnDemand
  publishRate: PublishRate
  /** Another app for another address. */
  app: (options: { tls: boolean }) => ReturnType<typeof createApp>
}

/** All that is served over one hub. Servers of several addresses share who may come in, how fast they publish, sessions and rooms. */
export function serverOf(options: ServerOptions): HubServer {
  const { hub, access, live, offeredTypes, webhooks, certificate, serverLog, report } = options
  const publishRate = new PublishRate({ perSecond: live.config.limits.publishRate, now: systemClock.monotonic })
  const { lines } = serverLog
  const refusals = new Refusals(
    { notable: lines.warn, each: lines.debug, wantsEach: () => lines.wants('debug') },
    systemClock.monotonic,
  )
  const answers = new Answers(ANSWER_BYTES)
  const rooms = new Rooms()
  const mcp = new McpOnDemand(async () => {
    const { hubMcp } = await import('./hub-mcp.ts')
    return hubMcp({ hub, access, live, types: await offeredTypes(), webhooks, publishRate, answers, report })
  })
  const metrics = hubMetrics({
    version,
    hub,
    mcp: () => mcp.begun,
    webhooks: () => webhooks.begun(),
    certificateExpires: () => certificate.shown?.expires,
    lostLines: () => serverLog.lost,
    limits: () => ({ ...live.hub, retention: live.config.retention }),
    files: () => logFileSizes(live.config.durability, live.config.dataDir),
  })
  const app = ({ tls }: { tls: boolean }) =>
    createApp({
      tls,
      hub,
      access,
      mcp: () => mcp.get(),
      webhooks: () => webhooks.get(),
      metrics,
      publishRate,
      refusals,
      answers,
      rooms,
      heartbeats: live.hub,
      now: systemClock.now,
      report,
      version,
    })
  return { mcp, publishRate, app }
}
