import { Audience } from './audience.ts'
import { Batch } from './batch.ts'
import type { Clock } from './clock.ts'
import type { DeliveryDelay } from './delivery-delay.ts'
import type { StoredEvent } from './event.ts'
import type { Commit, Removal } from './event-log.ts'
import { type Filter, filterType } from './filter.ts'
import type { Subscription } from './subscription.ts'
import { TopicIndex } from './topic-index.ts'

/** Each reader woken costs a socket write of about 10 µs: after this many the event loop gets its turn. */
const READERS_PER_TURN = 1000

/**
 * Hands every commit to the live subscriptions it matches, in log order: one pass a commit, passes one after another.
 * A pass costs O(events + matching readers). It never waits for a reader: a queue that is full is the reader's affair.
 */
export class FanOut {
  readonly #clock: Clock
  readonly #delay: DeliveryDelay
  readonly #audiences = new Map<string, Audience>()
  readonly #index = new TopicIndex<Audience>()
  #passes: Promise<void> | undefined
  /** Since when passes wait for one another. */
  #erased: Removal[] = []
  #done: number

  constructor(clock: Clock, delay: DeliveryDelay, head: number) {
    this.#clock = clock
    this.#delay = delay
    this.#done = head
  }

  /** Every live subscription has been offered everything up to this offset. Lags behind the head during a pass. */
  get done(): number {
    return this.#done
  }

  /** Different filters that are subscribed to. */
  get audiences(): number {
    return this.#audiences.size
  }

  /** The one audience of a filter; `release` it as often as it was asked for. */
  audience(filter: Filter): Audience {
    let audience = this.#audiences.get(filter.key)
    if (!audience) {
      audience = new Audience(filter)
      this.#audiences.set(filter.key, audience)
    }
    audience.subscribers++
    return audience
  }

  release(audience: Audience): void {
    if (--audience.subscribers === 0) this.#audiences.delete(audience.filter.key)
  }

  /** What was erased is not offered by passes that are still to come either. */
  forget(removal: Removal): void {
    if (removal.erased && this.#passes) this.#erased.push(removal)
  }

  /** The caller has taken everything up to the head, in the same synchronous step. */
  join(subscription: Subscription): void {
    const { audience } = subscription
    if (audience.members.size === 0) for (const pattern of audience.filter.patterns) this.#index.add(pattern, audience)
    audience.members.add(subscription)
  }

  leave(subscription: Subscription): void {
    const { audience } = subscription
    if (!audience.members.delete(subscription) || audience.members.size > 0) return
    for (const pattern of audience.filter.patterns) this.#index.remove(pattern, audience)
  }

  /** Synchronous up to a thousand readers; else resolves when the last reader has been offered the commit. */
  pass(commit: Commit): Promise<void> | undefined {
    const at = this.#clock.monotonic()
    if (!this.#passes) {
      const rest = this.#offer(commit, at)
      if (!rest) {
        this.#finish(commit)
        return undefined
      }
      return this.#track(rest.then(() => this.#finish(commit)))
    }
    return this.#track(this.#passes.then(() => this.#offer(commit, at)).then(() => this.#finish(commit)))
  }

  #track(pass: Promise<void>): Promise<void> {
    this.#passes = pass
    const settled = (): void => {
      if (this.#passes !== pass) return
      this.#passes = undefined
      this.#erased = []
    }
    pass.then(settled, settled)
    return pass
  }

  #finish(commit: Commit): void {
    this.#done = commit.head
  }

  #offer(commit: Commit, at: number): Promise<void> | undefined {
    const batches = this.#match(commit, at)
    let members = 0
    for (const [audience] of batches) members += audience.members.size
    if (members > READERS_PER_TURN) return this.#offerInTurns(batches)
    this.#delay.enter()
    for (const [audience, batch] of batches) for (const subscription of audience.members) subscription.offer(batch)
    this.#delay.leave()
    return undefined
  }

  async #offerInTurns(batches: readonly [Audience, Batch][]): Promise<void> {
    let offered = 0
    this.#delay.enter()
    for (const [audience, matched] of batches) {
      let erasures = this.#erased.length
      let batch = this.#kept(matched)
      // Members that join during a pause have taken this batch from the tail; offer() knows it by the offset.
      for (const subscription of audience.members) {
        if (this.#erased.length !== erasures) {
          erasures = this.#erased.length
          batch = this.#kept(matched)
        }
        if (batch) subscription.offer(batch)
        if (++offered % READERS_PER_TURN !== 0) continue
        this.#delay.leave()
        await this.#clock.yield()
        this.#delay.enter()
      }
    }
    this.#delay.leave()
  }

  #kept(batch: Batch): Batch | undefined {
    const events = this.#left(batch.events)
    if (events.length === batch.events.length) return batch
    return events.length > 0 ? new Batch(events, batch.committedAt) : undefined
  }

  /** The events without what was erased since passes wait. */
  #left(events: readonly StoredEvent[]): readonly StoredEvent[] {
    if (this.#erased.length === 0) return events
    return events.filter((event) => !this.#erased.some((removal) => removal.gone(event)))
  }

  /** Nearly every audience gets one event of the commit or all of them: those batches, and their bytes, are shared. */
  #match(commit: Commit, at: number): [Audience, Batch][] {
    const events = this.#left(commit.events)
    const touched: Audience[] = []
    for (const event of events) {
      this.#index.match(event.topic, (audience) => {
        if (audience.seen === event.offset) return
        audience.seen = event.offset
        if (!filterType(audience.filter, event.type)) return
        if (audience.matched.length === 0) touched.push(audience)
        audience.matched.push(event)
      })
    }
    let whole: Batch | undefined
    const singles = new Map<StoredEvent, Batch>()
    return touched.map((audience) => {
      const matched = audience.matched
      audience.matched = []
      if (matched.length === events.length) {
        whole ??= new Batch(events, at)
        return [audience, whole]
      }
      if (matched.length > 1) return [audience, new Batch(matched, at)]
      const event = matched[0]!
      const single = singles.get(event) ?? new Batch(matched, at)
      singles.set(event, single)
      return [audience, single]
    })
  }
}
