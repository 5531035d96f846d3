import type { Hub } from '../core/hub.ts'
import type { Outlet } from './delivery/outlet.ts'
import type { OutletDetail, OutletSummary } from './summary.ts'

/** What an outlet's owner knows about it. */
export interface About {
  principal: string
  wants: string
  expires: number | null
  arguments: Readonly<Record<string, unknown>>
}

export function summaryOf(outlet: Outlet, about: About, { log, cursor }: Pick<Hub, 'log' | 'cursor'>): OutletSummary {
  const { plan, progress, state, watermark } = outlet
  return {
    id: plan.id,
    kind: plan.kind,
    state,
    principal: about.principal,
    wants: about.wants,
    url: `${plan.url.origin}/…`,
    expires: dateOf(about.expires),
    cursor: cursor(watermark),
    behind: Math.max(0, log.head - watermark),
    waiting: outlet.waiting,
    delivered: progress.delivered,
    abandoned: progress.abandoned,
    lastDelivery: dateOf(progress.lastDeliveryAt),
    lastError: progress.lastError,
    failedSince: dateOf(progress.failedSince),
  }
}

export function detailOf(outlet: Outlet, about: About, hub: Pick<Hub, 'log' | 'cursor'>): OutletDetail {
  return {
    ...summaryOf(outlet, about, hub),
    arguments: about.arguments,
    attempts: outlet.attempts,
    abandonedCursors: outlet.progress.abandonedCursors,
  }
}

function dateOf(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString()
}
