import type { Clock } from '../../core/clock.ts'
import type { CloseReason } from '../../core/close-reason.ts'
import type { Delivery } from '../../core/delivery.ts'
import type { StoredEvent } from '../../core/event.ts'
import type { Hub } from '../../core/hub.ts'
import { type Place, startAt } from '../../core/place.ts'
import type { Principal } from '../../core/principal.ts'
import type { Subscription } from '../../core/subscription.ts'
import type { Caller } from '../asking.ts'
import type { Selection } from './selection.ts'
import type { Told } from './told.ts'

/** What all feeds of a hub share. */
export interface FeedHost {
  readonly hub: Pick<Hub, 'admission' | 'subscribe' | 'cursor' | 'log'>
  readonly clock: Pick<Clock, 'monotonic'>
}

/** Of one take, about. */
const TAKE_BYTES = 64 * 1024

/** Ends that the client is told of as the loss of what it may do. */
const FORBIDDEN = new Set<CloseReason>(['credential-expired', 'credential-revoked', 'grants-changed'])

/**
 * What one `events/stream` tells, pulled from one subscription of the hub at a time: it counts as one connection, for as
 * long as the stream lasts. A subscription that ends of age is followed by another from its position.
 */
export class EventFeed {
  readonly #host: FeedHost
  readonly #caller: Caller
  readonly #selection: Selection
  #subscription: Subscription
  #truncated: boolean
  #active = false
  /** The place it was opened at, when a gap that is not said yet begins there. */
  #opened: number | undefined
  #toldAt: number
  /** What it was closed with: its subscription may have ended of age just before, and then says only that. */
  #closing: CloseReason | undefined
  #ended: CloseReason | undefined

  constructor(host: FeedHost, { principal, address }: Caller, selection: Selection, place: Place) {
    this.#host = host
    this.#caller = { principal, address }
    this.#selection = selection
    this.#truncated = place.truncated
    this.#toldAt = host.clock.monotonic()
    this.#subscription = this.#subscribe(place.start)
  }

  /** Why nothing more will come; all has been taken then. */
  get ended(): CloseReason | undefined {
    return this.#ended
  }

  get principal(): Principal {
    return this.#caller.principal
  }

  /** What is there to be told, in order. Calling it says that what was taken before is on its way. */
  take(): readonly Told[] {
    const told: Told[] = []
    while (this.#ended === undefined) {
      const deliveries = this.#subscription.take(TAKE_BYTES)
      for (const delivery of deliveries) this.#tell(delivery, told)
      if (told.length > 0) {
        this.#toldAt = this.#host.clock.monotonic()
        break
      }
      if (deliveries.length === 0) {
        if (this.#subscription.finished) this.#ended ??= this.#subscription.closeReason
        break
      }
    }
    return told
  }

  /** Resolves when `take` is worth another call. */
  more(): Promise<void> {
    return new Promise((wake) => this.#subscription.wait({ wake }))
  }

  /** Part of what was taken is on its way: the reader is slow, not stalled. */
  progress(): void {
    this.#subscription.progress()
  }

  /** Idempotent; the first reason counts. */
  close(reason: CloseReason): void {
    this.#closing ??= reason
    this.#subscription.close(reason)
  }

  #subscribe(start: Place['start']): Subscription {
    return this.#host.hub.subscribe({ filter: this.#selection.filter, start, ...this.#caller })
  }

  #tell(delivery: Delivery, told: Told[]): void {
    switch (delivery.kind) {
      case 'open':
        this.#open(delivery, told)
        return
      case 'gap':
        this.#truncated = true
        this.#activate(delivery.resumedFrom, told)
        return
      case 'events':
        this.#activateLate(told)
        this.#tellEvents(delivery.events, told)
        return
      case 'heartbeat':
        this.#activateLate(told)
        told.push({ kind: 'heartbeat', position: delivery.position })
        return
      case 'closing':
        this.#close(delivery.reason, told)
    }
  }

  #open({ position, adopt }: Delivery & { kind: 'open' }, told: Told[]): void {
    // The client knows where it is: the subscription before this one ended of age.
    if (this.#active) return
    // What is gone is said with the place to go on from, which comes with the gap.
    const gap = !adopt || this.#host.hub.log.horizon(this.#selection.filter).offset > position
    if (gap) this.#opened = position
    else this.#activate(position, told)
  }

  #activate(position: number, told: Told[]): void {
    told.push({ kind: 'active', position, truncated: this.#truncated })
    this.#active = true
    this.#truncated = false
    this.#opened = undefined
  }

  #activateLate(told: Told[]): void {
    if (this.#opened !== undefined) this.#activate(this.#opened, told)
  }

  #tellEvents(events: readonly StoredEvent[], told: Told[]): void {
    const before = told.length
    for (const event of events) if (this.#selection.of(event)) told.push({ kind: 'event', event })
    // Events that come and are not for this client are no quiet to the hub. By half: the hub's own sign of life may follow
    // the last of them by a whole one.
    const quietMs = this.#host.clock.monotonic() - this.#toldAt
    if (told.length === before && quietMs >= this.#subscription.heartbeatMs / 2) {
      told.push({ kind: 'heartbeat', position: events.at(-1)!.offset })
    }
  }

  #close(said: CloseReason, told: Told[]): void {
    const reason = said === 'max-age' && this.#closing !== undefined ? this.#closing : said
    if (reason === 'max-age' && this.#host.hub.admission.state === 'ready') {
      this.#subscription = this.#subscribe(startAt(this.#host.hub.cursor(this.#subscription.position)))
      return
    }
    if (FORBIDDEN.has(reason)) {
      this.#activateLate(told)
      told.push({ kind: 'terminated', reason })
    }
    this.#ended = reason
  }
}
