import type { Generations } from './cursor.ts'
import type { HubError } from './errors.ts'
import type { Draft, StoredEvent } from './event.ts'
import type { Filter } from './filter.ts'
import type { LogStats } from './log-stats.ts'

/** What became of one draft, in the order of the drafts. */
export interface Receipt {
  offset: number
  epoch: string
  topic: string
  type: string
  id: string | null
  time: string | null
  received: number
  /** The same topic, id, type and data was there already; this is the first one's receipt. */
  duplicate: boolean
}

/** What one transaction stored, in log order: `events` have consecutive rising offsets, none is empty. */
export interface Commit {
  events: readonly StoredEvent[]
  /** The offset of the newest event after this commit. */
  head: number
}

/** What retention or erasing took away: the tail and other copies forget it too. */
export interface Removal {
  /** All that is gone by it lies above this offset (0 when an erased topic was not looked into). */
  readonly from: number
  /**
   * Nothing above this offset is gone by it. Retention: the highest offset that went in this step. Erasing: the event's
   * offset, or of a topic the newest offset of the log when it was asked for (that may be another topic's event).
   */
  readonly upTo: number
  /** Erased on demand, which is no gap; else retention took it, and `horizon` has moved. */
  readonly erased: boolean
  /** Whether an event, or an event at or below the offsets looked at, is gone. Pure. */
  gone(event: { offset: number; topic: string }): boolean
}

/** One bounded step of a replay. */
export interface Page {
  /** What matched, oldest first. */
  events: StoredEvent[]
  /** Everything that matches up to here is in this and earlier pages. Moves on also where nothing matched. */
  position: number
  /**
   * The newest offset that retention took among what this filter can match. `position before the call < horizon.offset` is
   * a gap: events the reader was to get are gone, also in the middle of a replay.
   */
  horizon: Horizon
  /**
   * What lies up to here and before the events of this page is on a damaged page of the disk: a gap whatever `horizon` is, and
   * whatever the reader was told of it. 0: nothing.
   */
  lostUpTo: number
}

export interface Horizon {
  /** 0: nothing was ever taken. */
  offset: number
  /** Receipt time of the event at `offset`, 0 if none. */
  received: number
}

export interface ReadLimit {
  /** At most this many events. */
  events: number
  /** Stop after the event with which the sum of `bytes` reaches this. */
  bytes: number
}

/** The newest matching events below `before`, oldest first. */
export interface LastPage {
  events: StoredEvent[]
  /** Everything that matches from this offset on, itself included, is in `events`: the next `before`. 0 at the start. */
  position: number
  /** It ends at a damaged page of the disk, just below `position`: there is no next call. What lies below is gone for this reader. */
  damaged: boolean
}

export interface TopicSummary {
  topic: string
  events: number
  lastOffset: number
  /** Receipt time of the last event, milliseconds. */
  lastReceived: number
}

export interface TopicsPage {
  topics: TopicSummary[]
  /** The topic to go on after, if there may be more. */
  next: string | undefined
}

export interface Pressure {
  /** Drafts accepted and not yet answered. */
  events: number
  bytes: number
}

/**
 * The ordered, retained events: the port. One process owns one log. Two implementations run one contract suite
 * (`test/contract/event-log.ts`).
 *
 * Order: `append` calls commit in the order they were made; offsets rise by one per stored event and never restart.
 * Durability: nothing is visible (feed, read, reply) before it is as durable as the configuration says.
 * Every read is bounded work a call, so that one reader's replay never holds up another's.
 */
export interface EventLog {
  readonly generations: Generations
  /** Offset of the newest event ever committed; 0 on a new log. Synchronous: fan-out and cursors need it now. */
  readonly head: number
  /** No kept event has a lower offset; `head + 1` when nothing is kept. */
  readonly oldest: number
  readonly pressure: Pressure
  readonly stats: LogStats

  /**
   * Stores all drafts or none, in order. Resolves after they are durable and after every `onCommit` listener ran.
   * A request whose drafts are all duplicates stores nothing and makes no commit event.
   * @throws HubError `id-conflict` (pointer `/<index>/id`), `overloaded`, `disk-full`, `log-corrupt` (pointer `/<index>/id`: an
   *   earlier event of this id lies on a damaged page), `log-failed`, `log-closed`
   */
  append(drafts: readonly Draft[]): Promise<Receipt[]>

  /** Events after offset `after`, oldest first. May return none and a higher position: call again until `head`. */
  read(after: number, filter: Filter, limit: ReadLimit): Promise<Page>

  /** The newest events below offset `before`. May return fewer than asked and a position above 0: call again, if not `damaged`. */
  readLast(before: number, filter: Filter, limit: ReadLimit): Promise<LastPage>

  /** The event at `offset`, or `undefined` when it is not kept. */
  at(offset: number): Promise<StoredEvent | undefined>

  /** The place before the first event received at or after `time` (milliseconds); the head if there is none. */
  seek(time: number): Promise<number>

  /** See `Page.horizon`. Synchronous: a subscription's start is decided in one step. */
  horizon(filter: Filter): Horizon

  /** Topics in byte order after `after` that match. */
  topics(filter: Filter, after: string | undefined, limit: number): Promise<TopicsPage>

  /**
   * Erases events for good (their bytes are overwritten). Resolves to how many there were. Not a gap.
   * @throws HubError `overloaded`: they are gone from the log, but another program's reading keeps their bytes in a file
   * for now; the next `erase` (of anything) or `trim` goes on. `disk-full`, `log-corrupt` (it lies on a damaged page),
   *   `log-failed`, `log-closed`
   */
  erase(what: { offset: number } | { topic: string }): Promise<number>

  /**
   * Resolves once whatever writes has done what it was asked before: says that it still works, and nothing of the disk
   * when there was nothing to write. Costs a round trip (9 µs). @throws HubError `log-failed`, `log-closed`
   */
  probe(): Promise<void>

  /** Applies retention once, in small steps. The implementation also does so by itself. */
  trim(): Promise<void>

  /**
   * The feed: committed events in order, called synchronously in the turn in which `head` moves. If a listener returns
   * a promise, the replies to publishers (not the next commit) wait for it. The result undoes it and may be called twice.
   */
  onCommit(listener: (commit: Commit) => void | Promise<void>): () => void

  /** Called in the turn in which `horizon` and `oldest` move. */
  onRemoval(listener: (removal: Removal) => void): () => void

  /** The log cannot go on (I/O error, dead worker): called once; everything after throws `log-failed`. */
  onFailure(listener: (error: HubError) => void): () => void

  /** Waits for what was accepted, then releases the directory. Idempotent. */
  close(): Promise<void>
}
