import type { Audience } from './audience.ts'
import { Backlog, NOTHING } from './backlog.ts'
import type { Batch } from './batch.ts'
import { type CloseReason, closeReasons } from './close-reason.ts'
import type { Control, Delivery } from './delivery.ts'
import type { Removal } from './event-log.ts'
import type { Filter } from './filter.ts'
import type { Reader } from './reader.ts'
import type { Found, SubscriptionHost, SubscriptionState } from './subscription-host.ts'

/** Who takes from a subscription. Called in the middle of a fan-out: it takes and returns, and MUST NOT throw. */
export interface Waiter {
  wake(): void
}

/** Whoever has to see to the socket of a closed subscription. */
export interface SocketOwner {
  closed(reason: CloseReason): void
}

/**
 * One reader: its filter (by its audience), its position, and what waits for it. It is *catching up* (reads the log in
 * pages, has no queue) or *live* (is offered every commit). Pull only: `take`, and when that gives nothing, `wait`.
 * What it delivers is a gapless subsequence of the log in log order, or says `gap`.
 *
 * Ten thousand of these wait idle, so there is no timer and no closure per subscription: the hub calls `sweep`.
 */
export class Subscription {
  readonly id: string
  readonly audience: Audience
  readonly reader: Reader
  readonly openedAt: number
  /** Quiet time before a heartbeat: what its client is told at the beginning counts for as long as it lasts. */
  readonly heartbeatMs: number
  /** Told once, when it is closed. */
  socket: SocketOwner | undefined
  readonly #host: SubscriptionHost
  #state: SubscriptionState = 'catching-up'
  #closed: CloseReason | undefined
  /** In front at most the start, one page and a heartbeat. */
  readonly #backlog = new Backlog()
  /** Everything that matches up to this offset was taken. */
  #position = 0
  /** Everything that matches up to this offset was taken or waits here. */
  #offered = 0
  /** The horizon that a gap was said for. */
  #toldHorizon = 0
  #started = false
  #reading = false
  #waiter: Waiter | undefined
  /** Since when the reader has something in hand that the socket has not taken; 0 if it has nothing. */
  #handedAt = 0
  #takenAt: number
  #takenEvents = 0
  #writtenBytes = 0

  constructor(host: SubscriptionHost, id: string, audience: Audience, reader: Reader) {
    this.#host = host
    this.id = id
    this.reader = reader
    this.audience = audience
    this.openedAt = host.now
    this.heartbeatMs = host.limits.heartbeatMs
    this.#takenAt = this.openedAt
  }

  get filter(): Filter {
    return this.audience.filter
  }

  get principalId(): string {
    return this.reader.principal.id
  }

  get state(): SubscriptionState {
    return this.#state
  }

  get closeReason(): CloseReason | undefined {
    return this.#closed
  }

  get position(): number {
    return this.#position
  }

  get queuedBytes(): number {
    return this.#backlog.queuedBytes
  }

  /** Events that were taken. */
  get takenEvents(): number {
    return this.#takenEvents
  }

  /** See `wrote`. */
  get writtenBytes(): number {
    return this.#writtenBytes
  }

  /** Closed, and the reason taken. */
  get finished(): boolean {
    return this.#state === 'closed' && this.#backlog.isFrontEmpty
  }

  /**
   * The place to begin after, once it is known, and the deliveries that say so. What retention took up to `toldHorizon`
   * is not a gap for this reader: it was told, or asked for no more than what is kept.
   */
  start(position: number, toldHorizon: number, deliveries: readonly Delivery[]): void {
    if (this.#state === 'closed') return
    this.#position = this.#offered = position
    this.#toldHorizon = toldHorizon
    this.#started = true
    for (const delivery of deliveries) this.#backlog.add(delivery)
    this.#readOn()
    this.#wakeUp()
  }

  /** The next deliveries, about `maxBytes` of events. Calling it says that what was taken before is on the socket. */
  take(maxBytes: number): readonly Delivery[] {
    this.#handedAt = 0
    if (this.#backlog.isEmpty) return NOTHING
    const taken = this.#backlog.take(maxBytes)
    this.#count(taken)
    this.#handedAt = this.#takenAt = this.#host.now
    // The next page is read while this one is on its way to the socket.
    this.#readOn()
    return taken
  }

  /** What was taken, and what is said around it, as the bytes that go to the socket now. */
  wrote(bytes: number): void {
    this.#writtenBytes += bytes
    this.#host.metrics.deliveredBytes += bytes
  }

  /** Part of what was taken has reached the socket, and the rest is on its way: the reader is slow, not stalled. */
  progress(): void {
    this.#handedAt = this.#host.now
  }

  /** What was erased is not delivered any more, unless it is in the reader's hand. */
  forget(removal: Removal): void {
    const first = this.#backlog.firstQueued
    if (first && this.#backlog.queues(removal)) this.#fallBack(first)
    if (this.#backlog.forget(removal)) this.#readOn()
  }

  #count(taken: readonly Delivery[]): void {
    const { metrics } = this.#host
    const { kind } = this.reader
    // One look at the clock for all of them.
    let now = 0
    for (const delivery of taken) {
      if (delivery.kind === 'events') {
        this.#position = Math.max(this.#position, delivery.lastOffset)
        this.#takenEvents += delivery.events.length
        metrics.delivered[kind] += delivery.events.length
        // The hub's own parts take when they have use for it.
        if (delivery.committedAt === 0 || kind === 'hub') continue
        now ||= metrics.deliveryDelay.now()
        metrics.deliveryDelay.seconds.observe((now - delivery.committedAt) / 1000)
      } else if (delivery.kind === 'gap') {
        this.#position = Math.max(this.#position, delivery.resumedFrom)
        if (kind !== 'hub') metrics.gaps.add(delivery.reason)
      }
    }
  }

  /** Tells `waiter` once when `take` is worth another call, also when the subscription is closed. One waits at a time. */
  wait(waiter: Waiter): void {
    this.#handedAt = 0
    this.#waiter = waiter
    if (!this.#backlog.isEmpty || this.#state === 'closed') this.#wakeUp()
    else this.#readOn()
  }

  /** What a commit has for this live subscription. Never waits. */
  offer(batch: Batch): void {
    // Who joined during a pass has taken this batch from the tail already.
    if (this.#state !== 'live' || batch.lastOffset <= this.#offered) return
    if (this.#backlog.queuedBytes + batch.bytes > this.#host.limits.maxQueueBytes) {
      this.#fallBack(batch)
      return
    }
    this.#backlog.push(batch)
    this.#offered = batch.lastOffset
    this.#wakeUp()
  }

  /** The host's answer to `catchUp`. */
  found({ batch, position, horizon, lostUpTo, live }: Found): void {
    this.#reading = false
    if (this.#state !== 'catching-up') return
    const expired = horizon.offset > this.#offered && horizon.offset > this.#toldHorizon
    if (expired || lostUpTo > this.#offered) {
      const firstKept = batch?.events[0]?.offset ?? Number.POSITIVE_INFINITY
      const goneUpTo = expired ? Math.min(horizon.offset, firstKept - 1, position) : 0
      const resumedFrom = Math.max(this.#offered, goneUpTo, lostUpTo)
      if (expired) this.#toldHorizon = horizon.offset
      this.#backlog.add({ kind: 'gap', requested: this.#host.cursor(this.#offered), resumedFrom, reason: 'expired' })
    }
    if (batch) this.#backlog.add(batch)
    this.#offered = position
    if (live) {
      this.#state = 'live'
      this.#host.changed(this, 'live')
    }
    if (!this.#backlog.isFrontEmpty) {
      this.#wakeUp()
      return
    }
    // Nothing waits, so what was looked through without a match counts as delivered.
    this.#position = Math.max(this.#position, position)
    this.#readOn()
  }

  /** Called about once a second with how far the fan-out has come: age, stalls, heartbeats. */
  sweep(now: number, fannedOut: number, horizon: (subscription: Subscription) => number): void {
    if (this.#state === 'closed') return
    const { limits } = this.#host
    // First of all: a reader that always has something in hand is no exception.
    if (now > this.reader.endsAt) {
      this.close(this.reader.endReason)
      return
    }
    if (this.#handedAt > 0) {
      const stalledMs = now - this.#handedAt
      const told = Math.max(this.#position, this.#toldHorizon)
      const overtaken = stalledMs > 1000 && this.#state === 'catching-up' && horizon(this) > told
      if (stalledMs > limits.maxStallMs || overtaken) this.close('slow-consumer')
      return
    }
    if (!this.#started || now - this.#takenAt < this.heartbeatMs) return
    if (!this.#backlog.isEmpty) return
    // Live with an empty queue: everything that matches up to the last whole pass was taken.
    if (this.#state === 'live') this.#position = Math.max(this.#position, fannedOut)
    this.#backlog.add({ kind: 'heartbeat', position: this.#position })
    this.#wakeUp()
  }

  /** Idempotent; the first reason counts. What waits is dropped: the client resumes from its position. */
  close(reason: CloseReason): void {
    if (this.#closed !== undefined) return
    this.#closed = reason
    this.#state = 'closed'
    const quietly = reason === 'client-gone' || reason === 'done'
    this.#backlog.replace(quietly ? NOTHING : lastWords(reason, this.#host.retryMs(reason)))
    try {
      this.#host.changed(this, 'closed')
      this.socket?.closed(reason)
    } finally {
      this.#wakeUp()
    }
  }

  /** Back to reading from the log. All that matched before the first batch that waits was taken, or waits in front of it. */
  #fallBack(batch: Batch): void {
    const firstWaiting = (this.#backlog.firstQueued ?? batch).events[0]!.offset
    this.#offered = Math.max(this.#position, firstWaiting - 1)
    this.#backlog.dropQueue()
    // A page that waits in front of the queue has not been taken, and is dropped if this closes now.
    if (this.#backlog.isFrontEmpty) this.#position = this.#offered
    this.#state = 'catching-up'
    this.#host.changed(this, 'catching-up')
    this.#wakeUp()
  }

  /** At most one page waits and one is being read. */
  #readOn(): void {
    if (this.#state !== 'catching-up' || this.#reading || !this.#started || !this.#backlog.isFrontEmpty) return
    this.#reading = true
    this.#host.catchUp(this, this.#offered)
  }

  #wakeUp(): void {
    const waiter = this.#waiter
    this.#waiter = undefined
    waiter?.wake()
  }
}

/** What is said to whoever is told `reason`. */
export function lastWords(reason: CloseReason, retryMs: number): Control[] {
  const { reconnect, error: message }: { reconnect: boolean; error?: string } = closeReasons[reason]
  const closing: Control = { kind: 'closing', reason, reconnect, retryMs }
  return message === undefined ? [closing] : [{ kind: 'error', code: reason, message }, closing]
}
