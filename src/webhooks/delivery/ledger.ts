import type { OutletChange, WaitingDelivery } from '../../core/outlet-store.ts'
import { OpenOffsets } from './open-offsets.ts'
import { WaitingRoom } from './waiting-room.ts'

/** What of the log one outlet still owes, and what of that is not recorded yet. */
export class Ledger {
  readonly waiting = new WaitingRoom()
  /** Taken from the log and neither settled nor waiting. */
  #unsent = new OpenOffsets()
  /** Of those that wait, without those that were settled before and are sent once more on demand. */
  readonly #behind = new OpenOffsets()
  readonly #touched = new Set<number>()

  /** Everything up to here was taken or given up (SEP-3415, the watermark). @param position what was taken from the log */
  watermark(position: number): number {
    return Math.min(this.sent(position), (this.#behind.lowest ?? Number.POSITIVE_INFINITY) - 1)
  }

  /** Everything up to here was settled or waits: where to go on after a restart. */
  sent(position: number): number {
    return Math.min(position, (this.#unsent.lowest ?? Number.POSITIVE_INFINITY) - 1)
  }

  restore(waiting: readonly WaitingDelivery[]): void {
    for (const delivery of waiting) {
      this.waiting.put(delivery)
      this.#behind.add(delivery.offset)
    }
  }

  take(offset: number): void {
    this.#unsent.add(offset)
  }

  /** It is tried again, later. */
  wait(delivery: WaitingDelivery): void {
    const { offset } = delivery
    this.waiting.put(delivery)
    if (this.#unsent.has(offset)) this.#behind.add(offset)
    this.#unsent.delete(offset)
    this.#touched.add(offset)
  }

  /** They are of another log: nothing of them is kept. */
  discard(waiting: readonly WaitingDelivery[]): void {
    for (const { offset } of waiting) this.#touched.add(offset)
  }

  settle(offset: number): void {
    if (this.waiting.delete(offset)) this.#touched.add(offset)
    this.#unsent.delete(offset)
    this.#behind.delete(offset)
  }

  /** It is taken from the log again. */
  forgetUnsent(): void {
    this.#unsent = new OpenOffsets()
  }

  /** What changed since this was asked last. */
  change(): Pick<OutletChange, 'waiting' | 'settled'> {
    const touched = [...this.#touched]
    this.#touched.clear()
    return {
      waiting: touched.flatMap((offset) => this.waiting.get(offset) ?? []),
      settled: touched.filter((offset) => !this.waiting.get(offset)),
    }
  }

  /** It could not be recorded: the next change has it too. */
  keep({ waiting, settled }: Pick<OutletChange, 'waiting' | 'settled'>): void {
    for (const { offset } of waiting) this.#touched.add(offset)
    for (const offset of settled) this.#touched.add(offset)
  }
}
