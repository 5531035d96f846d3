import type { StoredEvent } from '../core/event.ts'
import type { Filter } from '../core/filter.ts'
import type { AddressRule } from './outbound/outcome.ts'

/** What one attempt sends, but for what is new at each: its time and signature. */
export interface Message {
  /** `webhook-id`: the same at every attempt. `[A-Za-z0-9_.-]`. */
  id: string
  body: string
  /** Besides those of the signature; names in small letters. */
  headers: Readonly<Record<string, string>>
}

/** Where something goes and what of the log goes there: a webhook subscription or a forward, ready to run. */
export interface Plan {
  /** `sub_…` or `forward:<name>` */
  readonly id: string
  readonly kind: 'webhook' | 'forward'
  /** Whose it is: what shares are counted by. */
  readonly owner: string
  readonly url: URL
  readonly rule: AddressRule
  readonly filter: Filter
  /** Attempts under way at most: with one, what is taken at once is taken in order. */
  readonly atOnce: number
  /**
   * `undefined` for an event it does not want; `too-large` for one whose body would be above 256 KiB, which is given up.
   * @param cursor the place up to which everything was taken or given up
   */
  message(event: StoredEvent, cursor: string): Message | 'too-large' | undefined
  /** Keys to sign with, the newest first; none: it is not signed. @param now milliseconds of the wall clock */
  keys(now: number): readonly Uint8Array[]
}
