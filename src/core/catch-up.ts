import type { Audience } from './audience.ts'
import { Batch } from './batch.ts'
import type { Clock } from './clock.ts'
import type { EventLog, Removal } from './event-log.ts'
import type { HubMetrics, ReplaySource } from './metrics.ts'
import type { Subscription } from './subscription.ts'
import type { Tail } from './tail.ts'

const PAGE_EVENTS = 2000
const PAGE_BYTES = 256 * 1024
/** What all readers that catch up hold at once: each gets smaller pages when they are many. */
const ALL_PAGES_BYTES = 64 * 1024 * 1024
const MIN_PAGE_BYTES = 16 * 1024
/** Pages of the tail that are kept for others, all audiences together: at most 4 MiB, and their bytes. */
const SHARED_PAGES = 16

interface SharedPage {
  audience: Audience
  from: number
  head: number
  batch: Batch | undefined
  position: number
  spent: boolean
}

/**
 * How a subscription that is behind comes to be live: pages of the log, then pages of the tail, then the splice. Where
 * the tail covers the position nothing is awaited between the look-up and going live, so nothing falls in between.
 */
export class CatchUp {
  readonly #log: EventLog
  readonly #tail: Tail
  readonly #clock: Clock
  readonly #metrics: HubMetrics
  #readers = 0
  /** Readers that a burst threw back ask for the same pages. Empty when nobody is catching up. */
  #shared: SharedPage[] = []
  #erasures = 0

  constructor(log: EventLog, tail: Tail, clock: Clock, metrics: HubMetrics) {
    this.#log = log
    this.#tail = tail
    this.#clock = clock
    this.#metrics = metrics
  }

  enter(): void {
    this.#readers++
  }

  leave(): void {
    if (--this.#readers === 0) this.#shared = []
  }

  forget({ erased }: Removal): void {
    this.#shared = []
    if (erased) this.#erasures++
  }

  /** How often something was erased: what was read from the log before the last time may hold it. */
  get erasures(): number {
    return this.#erasures
  }

  /** Tells `subscription` what comes after the offset `after`. @throws as `EventLog.read` */
  async step(subscription: Subscription, after: number): Promise<void> {
    const { filter, audience } = subscription
    const bytes = this.#pageBytes()
    const before = this.#erasures
    if (this.#tail.covers(after)) {
      const { batch, position, spent } = this.#tailPage(audience, after, bytes)
      const horizon = this.#log.horizon(filter)
      const live = position >= this.#tail.head
      // A long stretch with few matches is looked through in turns.
      if (spent && !live) {
        await this.#clock.yield()
        if (this.#erasures !== before) return this.step(subscription, after)
      }
      this.#count('tail', batch)
      subscription.found({ batch, position, horizon, lostUpTo: 0, live })
      return
    }
    const { head } = this.#log
    const page = await this.#log.read(after, filter, { events: PAGE_EVENTS, bytes })
    if (this.#erasures !== before) return this.step(subscription, after)
    const { position, horizon, lostUpTo } = page
    const batch = page.events.length > 0 ? new Batch(page.events) : undefined
    this.#count('log', batch)
    // Retention may be ahead of the feed: what it took of events that nobody has heard of yet is a gap of the next page.
    const said = horizon.offset > head ? { ...horizon, offset: head } : horizon
    subscription.found({ batch, position, horizon: said, lostUpTo, live: false })
  }

  /** A page without a match is none from the tail, which everyone who comes to be live has one of. */
  #count(source: ReplaySource, batch: Batch | undefined): void {
    if (batch || source === 'log') this.#metrics.replayedPages[source]++
    if (batch) this.#metrics.replayedEvents[source] += batch.events.length
  }

  #tailPage(audience: Audience, from: number, bytes: number): SharedPage {
    const { head } = this.#tail
    const known = this.#shared.find((page) => page.audience === audience && page.from === from && page.head === head)
    if (known) return known
    const { events, position, spent } = this.#tail.after(from, audience.filter, bytes)
    const page = { audience, from, head, batch: events.length > 0 ? new Batch(events) : undefined, position, spent }
    this.#shared = [page, ...this.#shared.slice(0, SHARED_PAGES - 1)]
    return page
  }

  #pageBytes(): number {
    const share = Math.floor(ALL_PAGES_BYTES / Math.max(1, this.#readers))
    return Math.max(MIN_PAGE_BYTES, Math.min(PAGE_BYTES, share))
  }
}
