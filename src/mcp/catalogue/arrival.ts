import type { GapReason } from '../../core/delivery.ts'
import type { StoredEvent } from '../../core/event.ts'
import type { Subscription } from '../../core/subscription.ts'

/** Of one `take`, about: more than an answer has. */
const TAKE_BYTES = 256 * 1024

export interface Arrival {
  /** Oldest first; none when the subscription was closed before any came, or for a gap. */
  events: StoredEvent[]
  /** Why events between the start and these are missing; the first reason, if there are two. */
  gap: GapReason | undefined
}

/**
 * Waits for the first events of a subscription, or for a gap, and takes what is there then. All that matches up to the
 * subscription's position is in it afterwards.
 */
export async function arrival(subscription: Subscription): Promise<Arrival> {
  const events: StoredEvent[] = []
  let gap: GapReason | undefined
  for (;;) {
    for (const delivery of subscription.take(TAKE_BYTES)) {
      if (delivery.kind === 'gap') gap ??= delivery.reason
      else if (delivery.kind === 'events') events.push(...delivery.events)
    }
    if (subscription.state === 'closed' || events.length > 0 || gap) return { events, gap }
    await new Promise<void>((wake) => subscription.wait({ wake }))
  }
}
