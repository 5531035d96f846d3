import type { OutletState, OutletSummary } from './summary.ts'

export interface WebhookCounts {
  outlets: Record<OutletSummary['kind'], Record<OutletState, number>>
  /** Deliveries that were tried and are to be tried again. */
  waiting: number
}

/** What `Outlet` is, as far as it is counted. */
export interface Counted {
  plan: { kind: OutletSummary['kind'] }
  state: OutletState
  waiting: number
}

export function webhookCounts(all: Iterable<Counted>): WebhookCounts {
  const outlets: WebhookCounts['outlets'] = {
    webhook: { active: 0, suspended: 0, disabled: 0 },
    forward: { active: 0, suspended: 0, disabled: 0 },
  }
  let waiting = 0
  for (const outlet of all) {
    outlets[outlet.plan.kind][outlet.state]++
    waiting += outlet.waiting
  }
  return { outlets, waiting }
}
