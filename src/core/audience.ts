import type { StoredEvent } from './event.ts'
import type { Filter } from './filter.ts'
import type { Subscription } from './subscription.ts'

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

  constructor(filter: Filter) {
    this.filter = filter
  }
}
