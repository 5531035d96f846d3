import type { Hub } from '../../core/hub.ts'
import { systemClock } from '../../daemon/clock.ts'
import type { WriteMetrics } from '../../http/metrics.ts'
import type { Mcp } from '../../mcp/mcp.ts'
import type { ConfiguredLimits, Observed } from '../../observe/hub-families.ts'
import { type WebhookCounts, webhookCounts } from '../../webhooks/webhook-counts.ts'

export interface HubMetricsOptions {
  version: string
  hub: Pick<Hub, 'metrics' | 'gauges' | 'log'>
  /** If it was asked for by now. */
  mcp: () => Pick<Mcp, 'sessions' | 'streams'> | undefined
  limits: () => ConfiguredLimits
  /** Sizes on the disk; `undefined`: it is in memory. */
  files?: () => Promise<Observed['files']>
  /** The end of the certificate that is shown now, milliseconds since 1970; `undefined`: no TLS. */
  certificateExpires?: () => number | undefined
  /** Lines of the log that nobody took. */
  lostLines?: () => number
  /** The same. */
  webhooks: () => Promise<{ counts(): WebhookCounts } | undefined>
}

/** The first who asks loads what writes them down: a start has none of it. */
export function hubMetrics(options: HubMetricsOptions): WriteMetrics {
  const { version, hub, mcp, webhooks, limits, files, certificateExpires, lostLines } = options
  // To 10 ms: what the clocks say differs by less than that from one moment to the next.
  const startedAt = Math.round((systemClock.now() - process.uptime() * 1000) / 10) / 100
  return async () => {
    const { CONTENT_TYPE, exposition } = await import('../../observe/exposition.ts')
    const { hubFamilies } = await import('../../observe/hub-families.ts')
    const { processFamilies } = await import('../../observe/process-families.ts')
    const agents = mcp()
    const families = hubFamilies({
      version,
      now: systemClock.now(),
      hub,
      mcp: { sessions: agents?.sessions.size ?? 0, streams: agents?.streams ?? 0 },
      webhooks: (await webhooks())?.counts() ?? webhookCounts([]),
      limits: limits(),
      files: await files?.(),
      certificateExpires: certificateExpires?.(),
      lostLines: lostLines?.() ?? 0,
    })
    return { text: exposition([...families, ...(await processFamilies(startedAt))]), contentType: CONTENT_TYPE }
  }
}
