import type { CloseReason } from '../../../core/close-reason.ts'
import { type ErrorCode, HubError } from '../../../core/errors.ts'
import type { Asking, Caller } from '../../asking.ts'
import { watchedBy } from '../../catalogue/resource-kind.ts'
import type { Parts } from '../../parts.ts'
import type { Subscriptions } from '../../server.ts'
import type { Told, Watch } from '../../watching.ts'

export interface SubscribedUrisOptions {
  parts: Parts
  /** @returns whether somebody is there to be told */
  tell: (uri: string) => boolean
  /** The credential that was watched by has ended, or the hub stops. */
  lapsed: (reason: CloseReason) => void
}

/** Why a watch is refused for now; for anything else, for good. */
const FOR_NOW = new Set<ErrorCode>(['overloaded', 'rate-limited', 'draining', 'log-failed'])

/**
 * What one session is subscribed to. It lasts longer than a credential: when a request comes with another one, what that
 * one may still read is watched on, and told once, since nobody looked in between.
 */
export class SubscribedUris implements Subscriptions, Told {
  readonly #options: SubscribedUrisOptions
  readonly #uris = new Set<string>()
  #watch: Watch | undefined
  /** Whether every URI has to be told to the next who listens. */
  #untold = false

  constructor(options: SubscribedUrisOptions) {
    this.#options = options
  }

  /** @throws HubError */
  subscribe(uri: string, { principal, address }: Asking): void {
    const { plan, watching } = this.#options.parts
    const watched = watchedBy(plan.catalogue, uri, principal.grants)
    this.#watch ??= watching.watch({ principal, address }, this)
    this.#watch.add(uri, watched)
    this.#uris.add(uri)
  }

  unsubscribe(uri: string): void {
    this.#uris.delete(uri)
    this.#watch?.remove(uri)
  }

  /** A request came; `changed`: with another credential, or other grants, than the one before. */
  use(caller: Caller, changed: boolean): void {
    if (this.#uris.size === 0) this.close()
    else if (changed || !this.#watch) this.#watchAgain(caller)
  }

  /** Somebody listens again; `all`: what it missed is not known. */
  listening(all: boolean): void {
    if (all || this.#untold) this.#tellAll()
    this.#watch?.retell()
  }

  updated(uri: string): boolean {
    return this.#options.tell(uri)
  }

  ended(reason: CloseReason): void {
    this.#watch = undefined
    this.#options.lapsed(reason)
  }

  close(): void {
    this.#watch?.close()
    this.#watch = undefined
  }

  #watchAgain(caller: Caller): void {
    const { plan, watching } = this.#options.parts
    this.close()
    const watch = watching.watch(caller, this)
    try {
      for (const uri of this.#uris)
        this.#addAgain(watch, uri, () => watchedBy(plan.catalogue, uri, caller.principal.grants))
    } catch {
      // Full for now: the next request tries again.
      watch.close()
      return
    }
    this.#watch = watch
    this.#tellAll()
  }

  /** @throws HubError what is full for now */
  #addAgain(watch: Watch, uri: string, watched: () => Parameters<Watch['add']>[1]): void {
    try {
      watch.add(uri, watched())
    } catch (error) {
      if (error instanceof HubError && FOR_NOW.has(error.code)) throw error
      // Not for this credential any more.
      this.#uris.delete(uri)
    }
  }

  #tellAll(): void {
    this.#untold = false
    for (const uri of this.#uris) if (!this.#options.tell(uri)) this.#untold = true
  }
}
