import type { StoredEvent } from '../../core/event.ts'
import type { Subscription } from '../../core/subscription.ts'

/** Of one `take`, about: more than an answer has. */
const TAKE_BYTES = 256 * 1024

export interface Arrival {
  /** Oldest first; none when the subscription was closed before any came, or for a gap. */
  events: StoredEvent[]
  /** Events between the start and these are gone. */
  gap: boolean
}

/**
 * Waits for the first events of a subscription, or for a gap, and takes what is there then. All that matches up to the
 * subscription's position is in it afterwards.
 */
export async function arrival(subscription: Subscription): Promise<Arrival> {
  const events: StoredEvent[] = []
  let gap = false
  for (;;) {
    for (const delivery of subscription.take(TAKE_BYTES)) {
      if (delivery.kind === 'gap') gap = true
      else if (delivery.kind === 'events') events.push(...delivery.events)
    }
    if (subscription.state === 'closed' || events.length > 0 || gap) return { events, gap }
    await new Promise<void>((wake) => subscription.wait({ wake }))
  }
}
