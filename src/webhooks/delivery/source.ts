import { parseCursor } from '../../core/cursor.ts'
import type { Delivery } from '../../core/delivery.ts'
import type { StoredEvent } from '../../core/event.ts'
import type { Removal } from '../../core/event-log.ts'
import type { Filter } from '../../core/filter.ts'
import type { Hub } from '../../core/hub.ts'
import type { Subscription } from '../../core/subscription.ts'

export interface SourceHost {
  readonly hub: Pick<Hub, 'follow' | 'cursor'>
  /** There is something to take, or may be. Called in the middle of a fan-out: MUST NOT throw. */
  more(): void
  /** Events between what was taken and what comes next are gone. */
  gap(): void
}

/** Bytes of events in hand at one time, about. */
const TAKE_BYTES = 64 * 1024
/** After a failure of the hub itself. */
const AGAIN_MS = 5000

/** What the hub has for one outlet, taken when there is use for it: what waits, waits in the log. */
export class Source {
  readonly #host: SourceHost
  readonly #filter: Filter
  #follower: Subscription | undefined
  #taken: StoredEvent[] = []
  #position: number
  #more = true
  #over = false

  constructor(host: SourceHost, filter: Filter, position: number) {
    this.#host = host
    this.#filter = filter
    this.#position = position
  }

  /** Everything that matches up to this offset was taken by `next`, or is in hand. */
  get position(): number {
    return this.#position
  }

  /** Whether `next` may have one. */
  get hasMore(): boolean {
    return !this.#over && (this.#taken.length > 0 || this.#more)
  }

  /** Looked at in log order: what is in hand. */
  get inHand(): readonly StoredEvent[] {
    return this.#taken
  }

  next(): StoredEvent | undefined {
    if (this.#taken.length === 0 && this.#more) this.#take()
    return this.#taken.shift()
  }

  wake(): void {
    this.#more = true
    this.#host.more()
  }

  /** What is gone is not sent any more. */
  forget(removal: Removal): readonly StoredEvent[] {
    const gone = this.#taken.filter((event) => removal.gone(event))
    if (gone.length > 0) this.#taken = this.#taken.filter((event) => !removal.gone(event))
    return gone
  }

  close(): void {
    this.#over = true
    this.#taken = []
    this.#follower?.close('client-gone')
    this.#follower = undefined
  }

  #take(): void {
    this.#more = false
    const text = this.#host.hub.cursor(this.#position)
    const start = { kind: 'cursor', text, cursor: parseCursor(text) } as const
    this.#follower ??= this.#host.hub.follow({ filter: this.#filter, start })
    const follower = this.#follower
    for (const delivery of follower.take(TAKE_BYTES)) this.#took(delivery)
    // Also when something is left: who takes and does not wait counts as stalled.
    if (this.#follower === follower && !follower.finished) follower.wait(this)
  }

  #took(delivery: Delivery): void {
    switch (delivery.kind) {
      case 'events':
        this.#taken.push(...delivery.events)
        this.#position = Math.max(this.#position, delivery.lastOffset)
        return
      case 'gap':
        this.#position = Math.max(this.#position, delivery.resumedFrom)
        this.#host.gap()
        return
      case 'heartbeat':
        this.#position = Math.max(this.#position, delivery.position)
        return
      case 'closing':
        this.#follower = undefined
        // The hub stops, or its log failed: what comes is sent after the next start.
        if (delivery.reason === 'shutdown' || delivery.reason === 'log-failed') this.#over = true
        // Nobody foresaw it and it was reported: not at once again, and not never.
        else setTimeout(() => this.wake(), AGAIN_MS).unref()
    }
  }
}
