import type { Outlet } from '../delivery/outlet.ts'
import type { DeliveryStatus } from '../subscription-request.ts'

/** What one who refreshes is told of what became of it. */
export function statusOf({ state, progress }: Outlet): DeliveryStatus {
  return {
    active: state === 'active',
    lastDeliveryAt: progress.lastDeliveryAt ?? undefined,
    lastError: progress.lastError,
    failedSince: progress.failedSince ?? undefined,
  }
}
