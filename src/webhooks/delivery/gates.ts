import type { Plan } from '../plan.ts'
import { Gate } from './gate.ts'
import type { Outlet } from './outlet.ts'

/**
 * Attempts at once. All of them: Bun's `fetch` (1.4.5) has 256 connections for the whole process, and others need some.
 * One receiver is an origin that one owner sends to, so that nobody takes the places of another at a service both use.
 * What the operator has sent on has places of its own.
 */
const AT_ONCE = { webhooks: 160, forwards: 32, ofOwner: 48, atReceiver: 12 } as const
/** Of those the share of outlets that fail or are slow: the others always find a place. */
const TROUBLED = 0.5

type Gated = Gate<Outlet>

/** Who may send now. */
export class Gates {
  readonly #webhooks: Gated = new Gate(AT_ONCE.webhooks)
  readonly #troubled: Gated = new Gate(AT_ONCE.webhooks * TROUBLED)
  readonly #forwards: Gated = new Gate(AT_ONCE.forwards)
  readonly #keyed = new Map<string, Gated>()
  readonly #retry: (outlet: Outlet) => void
  readonly #isDue: (outlet: Outlet) => boolean

  /** @param retry there may be room for it now */
  constructor(retry: (outlet: Outlet) => void, isDue: (outlet: Outlet) => boolean) {
    this.#retry = retry
    this.#isDue = isDue
  }

  get used(): number {
    return this.#webhooks.used + this.#forwards.used
  }

  /** A place, as the function that gives it back; `undefined`: it is told when there may be one. */
  enter(outlet: Outlet): (() => void) | undefined {
    // It may be given another one while this place is taken.
    const { plan } = outlet
    const gates = this.#of(plan, outlet.troubled)
    for (const [index, gate] of gates.entries()) {
      if (gate.enter()) continue
      gate.park(outlet)
      this.#leave(plan, gates.slice(0, index))
      return undefined
    }
    return () => this.#leave(plan, gates)
  }

  /** It waits for nothing any more, and a place that was meant for it is another one's. */
  forget(outlet: Outlet): void {
    const gates = this.#of(outlet.plan, true)
    for (const gate of gates) gate.forget(outlet)
    this.#wake(gates)
    this.#tidy(outlet.plan)
  }

  /** The scarcest last: who is held up elsewhere does not hold it. */
  #of({ owner, url, kind }: Plan, troubled: boolean): Gated[] {
    const receiver = this.#gate(`receiver ${owner} ${url.origin}`, AT_ONCE.atReceiver)
    if (kind === 'forward') return [receiver, this.#forwards]
    const all = [receiver, this.#gate(`owner ${owner}`, AT_ONCE.ofOwner)]
    if (troubled) all.push(this.#gate(`troubled ${owner}`, AT_ONCE.ofOwner * TROUBLED), this.#troubled)
    return [...all, this.#webhooks]
  }

  #gate(key: string, limit: number): Gated {
    let gate = this.#keyed.get(key)
    if (!gate) {
      gate = new Gate(limit)
      this.#keyed.set(key, gate)
    }
    return gate
  }

  #leave(plan: Plan, gates: readonly Gated[]): void {
    for (const gate of gates) gate.leave()
    this.#wake(gates)
    this.#tidy(plan)
  }

  #wake(gates: readonly Gated[]): void {
    for (const gate of gates) for (const waiter of gate.woken(this.#isDue)) this.#retry(waiter)
  }

  #tidy({ owner, url }: Plan): void {
    for (const key of [`receiver ${owner} ${url.origin}`, `owner ${owner}`, `troubled ${owner}`]) {
      if (this.#keyed.get(key)?.idle) this.#keyed.delete(key)
    }
  }
}
