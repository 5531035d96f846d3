import type { Clock } from '../../core/clock.ts'
import type { OutletStore, VerifiedCallback } from '../../core/outlet-store.ts'

/** How long a callback that nothing is subscribed to need not prove itself again. */
const FRESH_MS = 3_600_000
const FORGET_MS = 60_000
const MOST = 20_000
const MOST_OF_PRINCIPAL = 200
/** Forgotten at once, between two turns of the event loop. */
const PIECE = 500

export interface VerifiedCallbacksOptions {
  clock: Pick<Clock, 'now' | 'every' | 'yield'>
  store: Pick<OutletStore, 'verified' | 'verify' | 'forgetVerified'>
  /** Whether something of this principal goes there now. */
  inUse: (principal: string, url: string) => boolean
  report: (error: unknown) => void
}

/**
 * Which callbacks have proven themselves, each for one principal. What is in use has, or it would not be: that needs no
 * place here, so of too many the oldest goes without a look at any other.
 */
export class VerifiedCallbacks {
  readonly #options: VerifiedCallbacksOptions
  /** The one proven longest ago first. */
  readonly #verified = new Map<string, VerifiedCallback>()
  /** Keys of `#verified` in the same order, for each principal. */
  readonly #of = new Map<string, Set<string>>()
  readonly #undo: () => void
  #forgetting = false

  constructor(options: VerifiedCallbacksOptions) {
    this.#options = options
    for (const callback of options.store.verified.toSorted((a, b) => a.at - b.at)) this.#insert(callback)
    this.#undo = options.clock.every(FORGET_MS, () => void this.#forgetOld().catch(options.report))
  }

  get size(): number {
    return this.#verified.size
  }

  covers(principal: string, url: string): boolean {
    if (this.#options.inUse(principal, url)) return true
    const found = this.#verified.get(keyOf({ principal, url }))
    return found !== undefined && this.#isFresh(found)
  }

  /** What was not written counts for nothing. @throws as `OutletStore.verify` */
  async add(principal: string, url: string): Promise<void> {
    const { store, clock } = this.#options
    const callback = { principal, url, at: clock.now() }
    await store.verify(callback)
    this.#insert(callback)
    const excess = this.#takeExcess(principal)
    if (excess.length > 0) await store.forgetVerified(excess)
  }

  /** Idempotent. */
  close(): void {
    this.#undo()
  }

  /** Those that need to prove themselves again anyway. What the store keeps is tried again the next time. */
  async #forgetOld(): Promise<void> {
    if (this.#forgetting) return
    this.#forgetting = true
    try {
      for (let old = this.#old(); old.length > 0; old = this.#old()) {
        await this.#options.store.forgetVerified(old)
        // One that was proven again meanwhile was written again after this.
        for (const each of old) if (this.#verified.get(keyOf(each)) === each) this.#delete(keyOf(each), each)
        await this.#options.clock.yield()
      }
    } finally {
      this.#forgetting = false
    }
  }

  #insert(callback: VerifiedCallback): void {
    const key = keyOf(callback)
    this.#delete(key, callback)
    this.#verified.set(key, callback)
    const own = this.#of.get(callback.principal) ?? new Set()
    this.#of.set(callback.principal, own.add(key))
  }

  #delete(key: string, { principal }: VerifiedCallback): void {
    this.#verified.delete(key)
    const own = this.#of.get(principal)
    own?.delete(key)
    if (own?.size === 0) this.#of.delete(principal)
  }

  /** The oldest of this principal and of all, as far as there are too many. */
  #takeExcess(principal: string): VerifiedCallback[] {
    const own = this.#of.get(principal) ?? new Set()
    const taken = this.#take(own, own.size - MOST_OF_PRINCIPAL)
    return [...taken, ...this.#take(this.#verified.keys(), this.#verified.size - MOST)]
  }

  /** The first `most` of `keys`. */
  #take(keys: Iterable<string>, most: number): VerifiedCallback[] {
    const taken: VerifiedCallback[] = []
    for (const key of keys) {
      if (taken.length >= most) break
      const callback = this.#verified.get(key)!
      this.#delete(key, callback)
      taken.push(callback)
    }
    return taken
  }

  /** One piece of the front, where all are that are too old or too many. */
  #old(): VerifiedCallback[] {
    const excess = this.#verified.size - MOST
    const old: VerifiedCallback[] = []
    for (const callback of this.#verified.values()) {
      if (old.length >= PIECE || (old.length >= excess && this.#isFresh(callback))) break
      old.push(callback)
    }
    return old
  }

  #isFresh({ at }: VerifiedCallback): boolean {
    const age = this.#options.clock.now() - at
    return age >= 0 && age < FRESH_MS
  }
}

function keyOf({ principal, url }: Pick<VerifiedCallback, 'principal' | 'url'>): string {
  return JSON.stringify([principal, url])
}
