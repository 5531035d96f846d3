import type { Clock } from './clock.ts'
import type { CloseReason } from './close-reason.ts'
import { type ConnectionLimits, Connections } from './connections.ts'
import type { HubGauges } from './metrics.ts'
import type { Occupant } from './occupant.ts'
import { LOCAL } from './principal.ts'
import type { Reader } from './reader.ts'
import { round } from './round.ts'
import type { Subscription } from './subscription.ts'

/** Reads for the hub itself. */
export const HUB_ITSELF: Reader = Object.freeze({
  kind: 'hub',
  principal: Object.freeze({ ...LOCAL, id: 'hub' }),
  address: '',
  endsAt: Number.POSITIVE_INFINITY,
  endReason: 'max-age',
})

/**
 * All subscriptions of a hub: those of its clients, which count as connections, and those it has for itself. And the streams
 * of clients that are no subscriptions.
 */
export class Readers {
  readonly connections: Connections
  readonly #clock: Pick<Clock, 'yield'>
  /** By id; ids are made in ascending order. */
  readonly #all = new Map<string, Subscription>()
  /** Of the hub itself. */
  readonly #followers = new Set<Subscription>()
  readonly #occupants = new Map<string, Occupant>()

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
    for (const { queuedBytes: bytes, state } of this.#all.values()) {
      queuedBytes += bytes
      if (state === 'catching-up') catchingUp++
    }
    return { connections: this.connections.ofKind, queuedBytes, catchingUp }
  }

  addClient(subscription: Subscription): void {
    this.#all.set(subscription.id, subscription)
    const { principal, address, kind } = subscription.reader
    if (kind !== 'hub') this.connections.add(principal, address, kind)
  }

  addFollower(subscription: Subscription): void {
    this.#all.set(subscription.id, subscription)
    this.#followers.add(subscription)
  }

  remove(subscription: Subscription): void {
    this.#all.delete(subscription.id)
    const { principal, address, kind } = subscription.reader
    this.#followers.delete(subscription)
    if (kind !== 'hub') this.connections.remove(principal, address, kind)
  }

  addOccupant(occupant: Occupant): void {
    this.#occupants.set(occupant.id, occupant)
    this.connections.add(occupant.reader.principal, occupant.reader.address, 'mcp')
  }

  /** @returns whether it was there */
  removeOccupant({ id, reader }: Occupant): boolean {
    if (!this.#occupants.delete(id)) return false
    this.connections.remove(reader.principal, reader.address, 'mcp')
    return true
  }

  /** Ends the stream of a client. @returns whether there was one with this id */
  end(id: string, reason: CloseReason): boolean {
    const subscription = this.#all.get(id)
    if (subscription && !this.#followers.has(subscription)) {
      subscription.close(reason)
      return true
    }
    const occupant = this.#occupants.get(id)
    occupant?.stream.end(reason)
    return occupant !== undefined
  }

  /** Streams of clients with ids above `after`, oldest first. 10,000 that are passed over take 0.1 ms. */
  page(after: string, most: number): (Subscription | Occupant)[] {
    const found: (Subscription | Occupant)[] = []
    for (const each of this.#all.values()) {
      if (found.length === most) break
      if (each.id > after && !this.#followers.has(each)) found.push(each)
    }
    const full = found.length + most
    for (const each of this.#occupants.values()) {
      if (found.length === full) break
      if (each.id > after) found.push(each)
    }
    return found.sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, most)
  }

  /** At once, those that are there now. */
  [Symbol.iterator](): Iterator<Subscription> {
    return this.#all.values()
  }

  /** In turns of the event loop. */
  visit(visit: (subscription: Subscription) => void): Promise<void> {
    return round(this.#clock, this.#all.values(), visit)
  }

  /** In turns as well: whoever a follower reads for is judged where they are. */
  visitClients(visit: (subscription: Subscription) => void): Promise<void> {
    return this.visit((subscription) => {
      if (!this.#followers.has(subscription)) visit(subscription)
    })
  }
}
