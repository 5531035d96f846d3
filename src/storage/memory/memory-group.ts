import type { StoredEvent } from '../../core/event.ts'
import type { RetentionLimits } from '../retention.ts'

/** One retention group's events in order, and what they add up to. */
export class MemoryGroup {
  readonly #limits: RetentionLimits
  #events: StoredEvent[] = []
  /** Events before it are trimmed; they are let go of in large portions. */
  #start = 0
  #bytes = 0

  constructor(limits: RetentionLimits) {
    this.#limits = limits
  }

  push(event: StoredEvent): void {
    this.#events.push(event)
    this.#bytes += event.bytes
  }

  /** The event at `index`, counted from the oldest kept. */
  at(index: number): StoredEvent | undefined {
    return index < 0 ? undefined : this.#events[this.#start + index]
  }

  /** Index of the first event above `offset`. */
  indexAfter(offset: number): number {
    return this.#search((event) => event.offset > offset)
  }

  firstReceivedFrom(time: number): StoredEvent | undefined {
    return this.at(this.#search((event) => event.received >= time))
  }

  lastOf(topic: string): StoredEvent | undefined {
    return this.#events.findLast((event, index) => index >= this.#start && event.topic === topic)
  }

  /** Takes out what is above the limits, oldest first. */
  trim(now: number): StoredEvent[] {
    const { maxAgeMs, maxEvents, maxBytes } = this.#limits
    const removed: StoredEvent[] = []
    for (;;) {
      const event = this.#events[this.#start]
      if (!event) break
      const count = this.#events.length - this.#start
      if (count <= maxEvents && this.#bytes <= maxBytes && event.received >= now - maxAgeMs) break
      removed.push(event)
      this.#bytes -= event.bytes
      this.#start++
    }
    if (this.#start > 1_000 && this.#start > this.#events.length / 2) {
      this.#events = this.#events.slice(this.#start)
      this.#start = 0
    }
    return removed
  }

  removeWhere(doomed: (event: StoredEvent) => boolean): StoredEvent[] {
    const kept = this.#events.slice(this.#start)
    const removed = kept.filter(doomed)
    if (removed.length === 0) return removed
    this.#events = kept.filter((event) => !doomed(event))
    this.#start = 0
    for (const event of removed) this.#bytes -= event.bytes
    return removed
  }

  #search(found: (event: StoredEvent) => boolean): number {
    let low = 0
    let high = this.#events.length - this.#start
    while (low < high) {
      const middle = (low + high) >>> 1
      if (found(this.#events[this.#start + middle]!)) high = middle
      else low = middle + 1
    }
    return low
  }
}
