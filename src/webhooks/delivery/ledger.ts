import type { Clock } from '../../core/clock.ts'
import type { OutletChange, WaitingDelivery } from '../../core/outlet-store.ts'
import { OpenOffsets } from './open-offsets.ts'
import { LONGEST_PAUSE_MS } from './retry.ts'
import { WaitingRoom } from './waiting-room.ts'

/** What of the log one outlet still owes, and what of that is not recorded yet. Times are monotonic here, and the wall clock's where they are stored. */
export class Ledger {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>
  readonly waiting = new WaitingRoom()
  /** Taken from the log and neither settled nor waiting. */
  #unsent = new OpenOffsets()
  /** Of those that wait, without those that were settled before and are sent once more on demand. */
  readonly #behind = new OpenOffsets()
  readonly #touched = new Set<number>()

  constructor(clock: Pick<Clock, 'now' | 'monotonic'>) {
    this.#clock = clock
  }

  /** Everything up to here was taken or given up (SEP-3415, the watermark). @param position what was taken from the log */
  watermark(position: number): number {
    return Math.min(this.sent(position), (this.#behind.lowest ?? Number.POSITIVE_INFINITY) - 1)
  }

  /** Everything up to here was settled or waits: where to go on after a restart. */
  sent(position: number): number {
    return Math.min(position, (this.#unsent.lowest ?? Number.POSITIVE_INFINITY) - 1)
  }

  restore(waiting: readonly WaitingDelivery[]): void {
    const [now, monotonic] = [this.#clock.now(), this.#clock.monotonic()]
    for (const delivery of waiting) {
      // A clock that was put back makes nothing wait longer than it would have.
      const pauseMs = Math.max(0, Math.min(delivery.dueAt - now, LONGEST_PAUSE_MS))
      this.waiting.put({ ...delivery, dueAt: monotonic + pauseMs })
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
    const ahead = this.#clock.now() - this.#clock.monotonic()
    const stored = (delivery: WaitingDelivery) => ({ ...delivery, dueAt: Math.round(delivery.dueAt + ahead) })
    const kept = touched.flatMap((offset) => this.waiting.get(offset) ?? [])
    return {
      waiting: kept.map(stored),
      settled: touched.filter((offset) => !this.waiting.get(offset)),
    }
  }

  /** It could not be recorded: the next change has it too. */
  keep({ waiting, settled }: Pick<OutletChange, 'waiting' | 'settled'>): void {
    for (const { offset } of waiting) this.#touched.add(offset)
    for (const offset of settled) this.#touched.add(offset)
  }
}
