import type { Outlet } from '../delivery/outlet.ts'
import type { Definition } from './definition.ts'
import { Quota, type WebhookLimits } from './quota.ts'
import type { Keys } from './webhook-plan.ts'

/** One subscription that is there. */
export interface Entry {
  definition: Definition
  keys: Keys
  readonly outlet: Outlet
}

/** The subscriptions that are there, and of whom and where to they are. */
export class Entries {
  readonly quota: Quota
  readonly #entries = new Map<string, Entry>()
  /** How many go to one callback of one principal. */
  readonly #callbacks = new Map<string, number>()

  constructor(limits: WebhookLimits) {
    this.quota = new Quota(limits)
  }

  get ids(): string[] {
    return [...this.#entries.keys()]
  }

  get(id: string): Entry | undefined {
    return this.#entries.get(id)
  }

  /** Whether something of this principal goes there. */
  isCallback(principal: string, url: string): boolean {
    return this.#callbacks.has(callbackKey(principal, url))
  }

  add(id: string, entry: Entry): void {
    const { principal, url } = entry.definition
    this.#entries.set(id, entry)
    this.quota.count(principal.id)
    const key = callbackKey(principal.id, url)
    this.#callbacks.set(key, (this.#callbacks.get(key) ?? 0) + 1)
  }

  /** Of one that is there. */
  delete(id: string, { definition: { principal, url } }: Entry): void {
    this.#entries.delete(id)
    this.quota.give(principal.id)
    const key = callbackKey(principal.id, url)
    const left = (this.#callbacks.get(key) ?? 0) - 1
    if (left > 0) this.#callbacks.set(key, left)
    else this.#callbacks.delete(key)
  }

  /** Those whose time is over. @param now milliseconds of the wall clock */
  over(now: number): [id: string, entry: Entry][] {
    return [...this.#entries].filter(
      ([
        ,
        {
          definition: { expires },
        },
      ]) => expires !== null && expires <= now,
    )
  }
}

function callbackKey(principal: string, url: string): string {
  return JSON.stringify([principal, url])
}
