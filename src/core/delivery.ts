import type { Batch } from './batch.ts'
import type { CloseReason } from './close-reason.ts'

/** One thing handed to one subscription, in the order in which it must be written. Positions are offsets. */
export type Delivery =
  /** Always first. `position` is the place the stream starts after; without `adopt` a gap follows that says it, and a
   *  client must not take the position before it has seen the gap. */
  | { kind: 'open'; position: number; adopt: boolean }
  | Batch
  | { kind: 'gap'; requested: string; resumedFrom: number; reason: GapReason }
  /** Everything that matches up to `position` was delivered. */
  | { kind: 'heartbeat'; position: number }
  /** Why the stream ends when that is the reader's affair; a `closing` follows. */
  | { kind: 'error'; code: CloseReason; message: string }
  /** Always last. */
  | { kind: 'closing'; reason: CloseReason; reconnect: boolean; retryMs: number }

/** `expired`: retention took events; the stream goes on at the oldest kept one. `unknown`: not a place in this log. */
export type GapReason = 'expired' | 'unknown'

export type Control = Exclude<Delivery, { kind: 'events' }>
