import { Gate } from './gate.ts'
import type { Outlet } from './outlet.ts'

/**
 * Attempts at once. All: Bun's `fetch` (1.4.5) has 256 connections for the whole process, and others need some. One
 * receiver is an origin that one owner sends to, so that nobody takes the places of another at a service both use.
 */
const AT_ONCE = { all: 192, ofOwner: 96, atReceiver: 12 } as const
/** Of those the share of outlets that fail or are slow: the others always find a place. */
const TROUBLED = 0.5

/** Who may send now. */
export class Gates {
  readonly #all = new Gate<Outlet>(AT_ONCE.all)
  readonly #troubled = new Gate<Outlet>(AT_ONCE.all * TROUBLED)
  readonly #keyed = new Map<string, Gate<Outlet>>()
  readonly #retry: (outlet: Outlet) => void

  /** @param retry there may be room for it now */
  constructor(retry: (outlet: Outlet) => void) {
    this.#retry = retry
  }

  get used(): number {
    return this.#all.used
  }

  /** A place, as the function that gives it back; `undefined`: it is told when there may be one. */
  enter(outlet: Outlet): (() => void) | undefined {
    const { owner, url } = outlet.plan
    const keys = [`receiver ${owner} ${url.origin}`, `owner ${owner}`]
    const gates = [this.#gate(keys[0]!, AT_ONCE.atReceiver), this.#gate(keys[1]!, AT_ONCE.ofOwner)]
    if (outlet.troubled) {
      keys.push(`troubled ${owner}`)
      gates.push(this.#gate(keys[2]!, AT_ONCE.ofOwner * TROUBLED), this.#troubled)
    }
    gates.push(this.#all)
    for (const [index, gate] of gates.entries()) {
      if (gate.enter()) continue
      gate.park(outlet)
      this.#leave(gates.slice(0, index), keys)
      return undefined
    }
    return () => this.#leave(gates, keys)
  }

  /** A closed outlet waits for nothing. */
  forget(outlet: Outlet): void {
    const { owner, url } = outlet.plan
    for (const key of [`receiver ${owner} ${url.origin}`, `owner ${owner}`, `troubled ${owner}`]) {
      const gate = this.#keyed.get(key)
      gate?.forget(outlet)
      if (gate?.idle) this.#keyed.delete(key)
    }
    this.#troubled.forget(outlet)
    this.#all.forget(outlet)
  }

  #gate(key: string, limit: number): Gate<Outlet> {
    let gate = this.#keyed.get(key)
    if (!gate) {
      gate = new Gate(limit)
      this.#keyed.set(key, gate)
    }
    return gate
  }

  #leave(gates: readonly Gate<Outlet>[], keys: readonly string[]): void {
    for (const gate of gates) {
      const next = gate.leave()
      if (next) this.#retry(next)
    }
    for (const key of keys) if (this.#keyed.get(key)?.idle) this.#keyed.delete(key)
  }
}
