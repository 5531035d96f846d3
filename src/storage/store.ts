import type { Generation, Generations } from '../core/cursor.ts'
import type { HubError } from '../core/errors.ts'
import type { Draft, StoredEvent } from '../core/event.ts'
import type { Horizon, LastPage, ReadLimit, TopicsPage } from '../core/event-log.ts'
import type { Filter } from '../core/filter.ts'
import type { Amount } from '../core/log-stats.ts'
import type { RetentionLimits } from './retention.ts'

/** One transaction's worth of requests, in order. */
export interface Group {
  requests: readonly (readonly Draft[])[]
  /** Receipt time of all of them, milliseconds; never below an earlier group's. */
  received: number
  /** The time that retention goes by, milliseconds. */
  now: number
}

/** A draft that was there already. `index` counts in its request; the rest describes the first one. */
export interface Duplicate {
  index: number
  offset: number
  received: number
  time: string | null
}

/** What became of one request. The drafts that are no duplicates have consecutive offsets, in order. */
export type RequestOutcome =
  | { duplicates: readonly Duplicate[] }
  | { conflict: number }
  /** The first event of this id lies on a damaged page: whether it is the same cannot be told. */
  | { damaged: number }

export interface GroupOutcome {
  requests: readonly RequestOutcome[]
  /** Offset of the first event that was stored, should there be one. */
  firstOffset: number
  /** The generation that began with this group. */
  generation: Generation | undefined
}

/** The oldest kept event; `undefined` where nothing is kept. */
export interface Oldest {
  /** No kept event has a lower one. */
  offset: number
  /** Its receipt time, milliseconds. */
  received: number
}

/** A step of retention or erasing that has been committed. */
export interface Removed {
  /** Per retention group, see `RetentionGroups`. */
  horizons: readonly Horizon[]
  oldest: Oldest | undefined
  /** What went in this step. */
  removed: Amount
  /** Retention: per group, everything of the group up to this offset is gone. */
  trimmedTo?: readonly number[]
  erased?: { offset: number } | { topic: string; upTo: number }
}

export interface StorePage {
  events: StoredEvent[]
  position: number
  /** As they were in the very state of the log that `events` were read from. */
  horizons: readonly Horizon[]
  /** As in `Page`; absent for none. */
  lostUpTo?: number
  /** It met damage: what the operator is told. Not all damage takes events: without an index they are found in another way. */
  lost?: string | undefined
}

export interface StoreLastPage extends Omit<LastPage, 'damaged'> {
  damaged?: boolean
  /** As in `StorePage`. */
  lost?: string | undefined
}

/** The newest state on disk when a store was opened. */
export interface Opened {
  head: number
  oldest: Oldest | undefined
  kept: Amount
  /** Receipt time of the newest event ever, 0 if none. */
  received: number
  /** The time that retention had come to when it was last written down, 0 if it never was. */
  time: number
  horizons: readonly Horizon[]
}

export interface StoreListener {
  removed(removed: Removed): void
  failed(error: HubError): void
}

/**
 * Where events lie: what differs between the implementations of the event log. `RetainedLog` makes the port of it.
 * Calls are carried out in order; `upTo` is the newest offset the feed has announced, and no read goes beyond it.
 */
export interface Store {
  readonly opened: Opened
  readonly generations: Generations
  listen(listener: StoreListener): void
  /** @throws HubError `disk-full`, `overloaded` (this group is not stored, the next may be) or `log-failed` */
  commit(group: Group): Promise<GroupOutcome>
  read(after: number, upTo: number, filter: Filter, limit: ReadLimit): Promise<StorePage>
  readLast(before: number, filter: Filter, limit: ReadLimit): Promise<StoreLastPage>
  at(offset: number): Promise<StoredEvent | undefined>
  seek(time: number, upTo: number): Promise<number>
  topics(filter: Filter, after: string | undefined, limit: number): Promise<TopicsPage>
  erase(what: { offset: number } | { topic: string }): Promise<number>
  /** Resolves after the calls that write and were made before it. */
  probe(): Promise<void>
  /** Other limits for topics without a rule, and for what the rules leave out; they count from the next `trim` on. */
  retain(limits: RetentionLimits): Promise<void>
  /** Applies retention as of `now` (milliseconds) until nothing is above its limits. */
  trim(now: number): Promise<void>
  close(): Promise<void>
}
