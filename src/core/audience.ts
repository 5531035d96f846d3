import { Batch } from './batch.ts'
import type { StoredEvent } from './event.ts'
import type { Filter } from './filter.ts'
import type { Subscription } from './subscription.ts'
import type { Tail, TailPage } from './tail.ts'

const REMEMBERED_PAGES = 4

/** The subscriptions with one filter: what one of them gets, all of them get, so it is worked out once. */
export class Audience {
  readonly filter: Filter
  /** The live ones. */
  readonly members = new Set<Subscription>()
  /** Live and catching up. */
  subscribers = 0
  /** What the commit now being fanned out has for this audience. */
  matched: StoredEvent[] = []
  /** The offset seen last in this pass: overlapping patterns deliver once. */
  seen = 0
  #pages: { from: number; head: number; page: SharedPage }[] = []

  constructor(filter: Filter) {
    this.filter = filter
  }

  /**
   * A page of the tail. Readers that a burst threw back, or that all come back after a restart, ask for the same pages:
   * the last few are kept, with their bytes.
   */
  page(tail: Tail, position: number, bytes: number): SharedPage {
    const { head } = tail
    const known = this.#pages.find((candidate) => candidate.from === position && candidate.head === head)
    if (known) return known.page
    const { events, position: to }: TailPage = tail.after(position, this.filter, bytes)
    const page = { batch: events.length > 0 ? new Batch(events) : undefined, position: to }
    this.#pages.unshift({ from: position, head, page })
    this.#pages.length = Math.min(this.#pages.length, REMEMBERED_PAGES)
    return page
  }

  forgetPages(): void {
    this.#pages = []
  }
}

export interface SharedPage {
  batch: Batch | undefined
  position: number
}
