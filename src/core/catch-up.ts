import { Batch } from './batch.ts'
import type { EventLog } from './event-log.ts'
import type { Subscription } from './subscription.ts'
import type { Tail } from './tail.ts'

const PAGE_EVENTS = 2000
const PAGE_BYTES = 256 * 1024
/** What all readers that catch up hold at once: each gets smaller pages when they are many. */
const ALL_PAGES_BYTES = 64 * 1024 * 1024
const MIN_PAGE_BYTES = 16 * 1024

/**
 * How a subscription that is behind comes to be live: pages of the log, then pages of the tail, then the splice. Where
 * the tail covers the position nothing is awaited between the look-up and going live, so nothing falls in between.
 */
export class CatchUp {
  readonly #log: EventLog
  readonly #tail: Tail
  /** How many subscriptions are catching up. */
  readers = 0

  constructor(log: EventLog, tail: Tail) {
    this.#log = log
    this.#tail = tail
  }

  /** Tells `subscription` what comes after the offset `after`. @throws as `EventLog.read` */
  async step(subscription: Subscription, after: number): Promise<void> {
    const { filter, audience } = subscription
    const bytes = this.#pageBytes()
    if (this.#tail.covers(after)) {
      const { batch, position } = audience.page(this.#tail, after, bytes)
      subscription.found({
        batch,
        position,
        horizon: this.#log.horizon(filter),
        live: position >= this.#tail.head,
      })
      return
    }
    const { events, position, horizon } = await this.#log.read(after, filter, { events: PAGE_EVENTS, bytes })
    subscription.found({ batch: events.length > 0 ? new Batch(events) : undefined, position, horizon, live: false })
  }

  #pageBytes(): number {
    const share = Math.floor(ALL_PAGES_BYTES / Math.max(1, this.readers))
    return Math.max(MIN_PAGE_BYTES, Math.min(PAGE_BYTES, share))
  }
}
