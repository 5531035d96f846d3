import type { Delivery } from '../../src/core/delivery.ts'
import type { StoredEvent } from '../../src/core/event.ts'
import type { Subscription } from '../../src/core/subscription.ts'

/** Takes deliveries one `take` at a time until `enough`, or until nothing has come for `quietMs`. */
export async function takeUntil(
  subscription: Subscription,
  enough: (taken: readonly Delivery[]) => boolean,
  { maxBytes = 1, quietMs = 20_000 }: { maxBytes?: number; quietMs?: number } = {},
): Promise<Delivery[]> {
  const taken: Delivery[] = []
  while (!enough(taken) && !subscription.finished) {
    const next = subscription.take(maxBytes)
    taken.push(...next)
    if (next.length > 0) continue
    const quiet = await Promise.race([ready(subscription).then(() => false), Bun.sleep(quietMs).then(() => true)])
    if (quiet) throw new Error(`Nothing came for ${quietMs} ms after ${JSON.stringify(taken.slice(-3))}`)
  }
  return taken
}

/** Resolves when `take` is worth another call. */
export function ready(subscription: Subscription): Promise<void> {
  return new Promise((resolve) => subscription.wait({ wake: resolve }))
}

export function eventsOf(deliveries: readonly Delivery[]): StoredEvent[] {
  return deliveries.flatMap((delivery) => (delivery.kind === 'events' ? delivery.events : []))
}
