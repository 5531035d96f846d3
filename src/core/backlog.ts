import { Batch } from './batch.ts'
import type { Delivery } from './delivery.ts'
import type { Removal } from './event-log.ts'

/** What an idle reader holds instead of an array of its own; replaced, never written to. */
export const NOTHING: readonly never[] = Object.freeze([])

/**
 * What waits for one reader: *in front* what it was told or read from the log, behind it the batches of commits, which it
 * shares with other readers. `Subscription` bounds both: one page in front, `maxQueueBytes` behind.
 */
export class Backlog {
  #front: readonly Delivery[] = NOTHING
  #queue: Batch[] | undefined
  #queuedBytes = 0

  /** Of the batches behind. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  get isEmpty(): boolean {
    return this.#front.length === 0 && !this.#queue
  }

  get isFrontEmpty(): boolean {
    return this.#front.length === 0
  }

  get firstQueued(): Batch | undefined {
    return this.#queue?.[0]
  }

  /** In front, after what is there. */
  add(delivery: Delivery): void {
    this.#front = [...this.#front, delivery]
  }

  push(batch: Batch): void {
    if (this.#queue) this.#queue.push(batch)
    else this.#queue = [batch]
    this.#queuedBytes += batch.bytes
  }

  /** All in front, and about `maxBytes` of the batches. */
  take(maxBytes: number): readonly Delivery[] {
    const front = this.#front
    const queue = this.#queue
    this.#front = NOTHING
    if (!queue) return front
    let count = queue.length
    if (this.#queuedBytes <= maxBytes) this.#queuedBytes = 0
    else {
      count = 0
      for (let bytes = 0; count < queue.length && bytes < maxBytes; count++) {
        bytes += queue[count]!.bytes
        this.#queuedBytes -= queue[count]!.bytes
      }
    }
    this.#queue = count < queue.length ? queue.slice(count) : undefined
    if (front.length === 0 && count === queue.length) return queue
    return [...front, ...queue.slice(0, count)]
  }

  /** The batches, which are read from the log again, and a heartbeat in front, which says a position above theirs. */
  dropQueue(): void {
    this.#queue = undefined
    this.#queuedBytes = 0
    this.#front = this.#front.filter((delivery) => delivery.kind !== 'heartbeat')
  }

  /** All of it; `last` takes its place. */
  replace(last: readonly Delivery[]): void {
    this.#queue = undefined
    this.#queuedBytes = 0
    this.#front = last
  }

  queues(removal: Removal): boolean {
    return this.#queue?.some((batch) => holds(batch, removal)) ?? false
  }

  /** Takes what is gone out of what is in front. @returns whether there was any */
  forget(removal: Removal): boolean {
    if (!this.#front.some((delivery) => delivery.kind === 'events' && holds(delivery, removal))) return false
    this.#front = this.#front.flatMap((delivery): Delivery[] => {
      if (delivery.kind !== 'events') return [delivery]
      const kept = delivery.events.filter((event) => !removal.gone(event))
      return kept.length > 0 ? [new Batch(kept, delivery.committedAt)] : []
    })
    return true
  }
}

function holds(batch: Batch, removal: Removal): boolean {
  return batch.events.some((event) => removal.gone(event))
}
