import type { Clock } from './clock.ts'
import { type ConnectionLimits, Connections } from './connections.ts'
import type { HubGauges } from './metrics.ts'
import { LOCAL } from './principal.ts'
import { round } from './round.ts'
import type { Reader, Subscription } from './subscription.ts'

/** Reads for the hub itself. */
export const HUB_ITSELF: Reader = Object.freeze({
  kind: 'hub',
  principal: Object.freeze({ ...LOCAL, id: 'hub' }),
  address: '',
  endsAt: Number.POSITIVE_INFINITY,
  endReason: 'max-age',
})

/** All subscriptions of a hub: those of its clients, which count as connections, and those it has for itself. */
export class Readers {
  readonly connections: Connections
  readonly #clock: Pick<Clock, 'yield'>
  readonly #all = new Set<Subscription>()
  /** Of the hub itself. */
  readonly #followers = new Set<Subscription>()

  constructor(limits: ConnectionLimits, clock: Pick<Clock, 'yield'>) {
    this.connections = new Connections(limits)
    this.#clock = clock
  }

  /** Those of clients. */
  get clients(): number {
    return this.#all.size - this.#followers.size
  }

  get size(): number {
    return this.#all.size
  }

  /** Looks at every one of them: 10,000 take less than a millisecond. */
  gauges(): Omit<HubGauges, 'audiences'> {
    let queuedBytes = 0
    let catchingUp = 0
    for (const { queuedBytes: bytes, state } of this.#all) {
      queuedBytes += bytes
      if (state === 'catching-up') catchingUp++
    }
    return { connections: this.connections.ofKind, queuedBytes, catchingUp }
  }

  addClient(subscription: Subscription): void {
    this.#all.add(subscription)
    const { principal, address, kind } = subscription.reader
    if (kind !== 'hub') this.connections.add(principal, address, kind)
  }

  addFollower(subscription: Subscription): void {
    this.#all.add(subscription)
    this.#followers.add(subscription)
  }

  remove(subscription: Subscription): void {
    this.#all.delete(subscription)
    const { principal, address, kind } = subscription.reader
    this.#followers.delete(subscription)
    if (kind !== 'hub') this.connections.remove(principal, address, kind)
  }

  client(id: string): Subscription | undefined {
    for (const each of this.#all) if (each.id === id && !this.#followers.has(each)) return each
    return undefined
  }

  /** At once, those that are there now. */
  [Symbol.iterator](): Iterator<Subscription> {
    return this.#all.values()
  }

  /** In turns of the event loop. */
  visit(visit: (subscription: Subscription) => void): Promise<void> {
    return round(this.#clock, this.#all, visit)
  }

  /** In turns as well: whoever a follower reads for is judged where they are. */
  visitClients(visit: (subscription: Subscription) => void): Promise<void> {
    return this.visit((subscription) => {
      if (!this.#followers.has(subscription)) visit(subscription)
    })
  }
}
