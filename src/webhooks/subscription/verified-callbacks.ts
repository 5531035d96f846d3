import type { Clock } from '../../core/clock.ts'
import type { OutletStore, VerifiedCallback } from '../../core/outlet-store.ts'

/** How long a callback that nothing is subscribed to need not prove itself again. */
const FRESH_MS = 3_600_000
const MOST = 20_000

export interface VerifiedCallbacksOptions {
  clock: Pick<Clock, 'now'>
  store: Pick<OutletStore, 'verified' | 'verify' | 'forgetVerified'>
  /** Whether something of this principal goes there now. */
  inUse: (principal: string, url: string) => boolean
}

/** Which callbacks have proven themselves, each for one principal. */
export class VerifiedCallbacks {
  readonly #options: VerifiedCallbacksOptions
  /** The one proven longest ago first. */
  readonly #verified = new Map<string, VerifiedCallback>()

  constructor(options: VerifiedCallbacksOptions) {
    this.#options = options
    for (const callback of options.store.verified) this.#verified.set(keyOf(callback), callback)
  }

  covers(principal: string, url: string): boolean {
    const found = this.#verified.get(keyOf({ principal, url }))
    return found !== undefined && (this.#isFresh(found) || this.#options.inUse(principal, url))
  }

  async add(principal: string, url: string): Promise<void> {
    const callback = { principal, url, at: this.#options.clock.now() }
    const key = keyOf(callback)
    this.#verified.delete(key)
    this.#verified.set(key, callback)
    await this.#options.store.verify(callback)
    await this.forgetOld()
  }

  /** Those that need to prove themselves again anyway, and of too many the oldest. */
  async forgetOld(): Promise<void> {
    const old: VerifiedCallback[] = []
    let excess = this.#verified.size - MOST
    for (const [key, callback] of this.#verified) {
      const { principal, url } = callback
      const useless = !this.#isFresh(callback) && !this.#options.inUse(principal, url)
      if (!useless && excess <= 0) continue
      excess--
      this.#verified.delete(key)
      old.push(callback)
    }
    if (old.length > 0) await this.#options.store.forgetVerified(old)
  }

  #isFresh({ at }: VerifiedCallback): boolean {
    const age = this.#options.clock.now() - at
    return age >= 0 && age < FRESH_MS
  }
}

function keyOf({ principal, url }: Pick<VerifiedCallback, 'principal' | 'url'>): string {
  return JSON.stringify([principal, url])
}
