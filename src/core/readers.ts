import type { Clock } from './clock.ts'
import { type ConnectionLimits, Connections } from './connections.ts'
import { round } from './round.ts'
import type { Subscription } from './subscription.ts'

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

  addClient(subscription: Subscription): void {
    this.#all.add(subscription)
    const { principal, address } = subscription.reader
    this.connections.add(principal, address)
  }

  addFollower(subscription: Subscription): void {
    this.#all.add(subscription)
    this.#followers.add(subscription)
  }

  remove(subscription: Subscription): void {
    this.#all.delete(subscription)
    const { principal, address } = subscription.reader
    if (!this.#followers.delete(subscription)) this.connections.remove(principal, address)
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
