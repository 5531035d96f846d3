import type { WaitingDelivery } from '../../core/outlet-store.ts'

/** Deliveries of one outlet that were tried and wait for another attempt, by their offset; `dueAt` is monotonic here. */
export class WaitingRoom {
  readonly #waiting = new Map<number, WaitingDelivery>()
  /** Being tried right now. */
  readonly #tried = new Set<number>()
  #earliest: number | undefined

  get size(): number {
    return this.#waiting.size
  }

  get offsets(): Iterable<number> {
    return this.#waiting.keys()
  }

  get(offset: number): WaitingDelivery | undefined {
    return this.#waiting.get(offset)
  }

  /** In place of another of its offset. */
  put(delivery: WaitingDelivery): void {
    this.#waiting.set(delivery.offset, delivery)
    this.#tried.delete(delivery.offset)
    this.#earliest = undefined
  }

  delete(offset: number): boolean {
    this.#tried.delete(offset)
    this.#earliest = undefined
    return this.#waiting.delete(offset)
  }

  /** When the next one is due, monotonic milliseconds; infinity: never. */
  get nextDue(): number {
    if (this.#earliest === undefined) {
      this.#earliest = Number.POSITIVE_INFINITY
      for (const { offset, dueAt } of this.#waiting.values()) {
        if (!this.#tried.has(offset)) this.#earliest = Math.min(this.#earliest, dueAt)
      }
    }
    return this.#earliest
  }

  /** The one that is due longest, if one is. It is not taken again before it is put or deleted. */
  take(now: number): WaitingDelivery | undefined {
    const due = this.nextDue
    if (due > now) return undefined
    for (const delivery of this.#waiting.values()) {
      if (delivery.dueAt !== due || this.#tried.has(delivery.offset)) continue
      this.#tried.add(delivery.offset)
      this.#earliest = undefined
      return delivery
    }
    return undefined
  }

  /** This one is due now, if it is not being tried. @returns whether it waits at all */
  hasten(offset: number, now: number): boolean {
    const delivery = this.#waiting.get(offset)
    if (!delivery) return false
    this.#waiting.set(offset, { ...delivery, dueAt: Math.min(delivery.dueAt, now) })
    this.#earliest = undefined
    return true
  }

  /** Everything is due now: somebody says that it is worth a try. */
  hurry(now: number): void {
    for (const delivery of this.#waiting.values()) {
      if (delivery.dueAt > now) this.#waiting.set(delivery.offset, { ...delivery, dueAt: now })
    }
    this.#earliest = undefined
  }
}
