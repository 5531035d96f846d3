import type { OutletChange, StoredOutlet, VerifiedCallback } from '../../core/outlet-store.ts'

export const OUTLETS_FILE = 'webhooks.db'

/** One call of the port. */
export type OutletStep =
  | { put: Omit<StoredOutlet, 'waiting'> }
  | { remove: readonly string[] }
  | { record: readonly OutletChange[] }
  | { verify: VerifiedCallback }
  | { forgetVerified: readonly Pick<VerifiedCallback, 'principal' | 'url'>[] }

/** What the main thread asks of the worker, and what it answers. */
export interface OutletCalls {
  open: { ask: { directory: string }; answer: OpenedOutlets }
  /** One transaction: all of it or nothing. `sync`: answered after it is on the disk. */
  commit: { ask: { steps: readonly OutletStep[]; sync: boolean }; answer: null }
  close: { ask: null; answer: null }
}

export interface OpenedOutlets {
  outlets: StoredOutlet[]
  verified: VerifiedCallback[]
  /** Things an operator should know about the opening. */
  warnings: string[]
}
