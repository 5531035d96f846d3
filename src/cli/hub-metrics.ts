import type { Hub } from '../core/hub.ts'
import { systemClock } from '../daemon/clock.ts'
import type { WriteMetrics } from '../http/metrics.ts'
import type { Mcp } from '../mcp/mcp.ts'
import { type WebhookCounts, webhookCounts } from '../webhooks/webhook-counts.ts'

export interface HubMetricsOptions {
  version: string
  hub: Pick<Hub, 'metrics' | 'gauges' | 'log'>
  /** If it was asked for by now. */
  mcp: () => Pick<Mcp, 'sessions' | 'streams'> | undefined
  /** The same. */
  webhooks: () => Promise<{ counts(): WebhookCounts } | undefined>
}

/** The first who asks loads what writes them down: a start has none of it. */
export function hubMetrics({ version, hub, mcp, webhooks }: HubMetricsOptions): WriteMetrics {
  return async () => {
    const { CONTENT_TYPE, exposition } = await import('../observe/exposition.ts')
    const { hubFamilies } = await import('../observe/hub-families.ts')
    const { processFamilies } = await import('../observe/process-families.ts')
    const agents = mcp()
    const families = hubFamilies({
      version,
      now: systemClock.now(),
      hub,
      mcp: { sessions: agents?.sessions.size ?? 0, streams: agents?.streams ?? 0 },
      webhooks: (await webhooks())?.counts() ?? webhookCounts([]),
    })
    return { text: exposition([...families, ...(await processFamilies())]), contentType: CONTENT_TYPE }
  }
}
