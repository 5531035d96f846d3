import { HubError } from '../../core/errors.ts'
import type { OutletStore, StoredOutlet, VerifiedCallback } from '../../core/outlet-store.ts'

/** Where nothing is to outlast the process: nobody can ever ask for what was stored, so nothing is. */
export class MemoryOutlets implements OutletStore {
  readonly durable = false
  readonly outlets: readonly StoredOutlet[] = []
  readonly verified: readonly VerifiedCallback[] = []
  #closed = false

  put(): Promise<void> {
    return this.#forget()
  }

  remove(): Promise<void> {
    return this.#forget()
  }

  record(): Promise<void> {
    return this.#forget()
  }

  verify(): Promise<void> {
    return this.#forget()
  }

  forgetVerified(): Promise<void> {
    return this.#forget()
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  async #forget(): Promise<void> {
    if (this.#closed) {
      throw new HubError('log-closed', 'The webhook store was closed; ask again when the hub is back.')
    }
  }
}
