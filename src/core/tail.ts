import { EVENT_OVERHEAD_BYTES, type StoredEvent } from './event.ts'
import type { Commit, EventLog, Removal } from './event-log.ts'
import { type Filter, filterTopic, filterType, parseFilter } from './filter.ts'

/**
 * What one step may cost: about a millisecond of the event loop, which is so many events for a filter of one short pattern.
 * One of 64 long patterns costs fifty times as much an event: so many of those stopped the hub for two seconds (measured).
 */
const SCAN_STEP = 8192
/** Segments of patterns, or types, that cost as much to compare as an event to look at; the same in characters of a topic. */
const SEGMENTS_AN_EVENT = 32
const CHARACTERS_AN_EVENT = 128
/** Events a look-up when the tail is filled at start. */
const WARM_UP_EVENTS = 10_000

export interface TailPage {
  events: StoredEvent[]
  /** Everything that matches up to here is in `events`. */
  position: number
  /** It ended because it cost what one step may: the event loop is due its turn. */
  spent: boolean
}

export interface Newest {
  /** Oldest first: every kept one above `floor`, up to `head`. */
  events: readonly StoredEvent[]
  floor: number
  head: number
}

/** What to start a tail of `maxBytes` with. */
export async function newestEvents(log: EventLog, maxBytes: number): Promise<Newest> {
  const everything = parseFilter([], [])
  const pages: StoredEvent[][] = []
  let bytes = 0
  const { head } = log
  let before = head + 1
  while (before > 1 && bytes < maxBytes) {
    const page = await log.readLast(before, everything, { events: WARM_UP_EVENTS, bytes: maxBytes - bytes })
    pages.push(page.events)
    for (const event of page.events) bytes += event.bytes + EVENT_OVERHEAD_BYTES
    before = page.position
    // A log with a damaged page is served as far as it is whole: the tail then begins behind the damage.
    if (page.damaged) break
  }
  return { events: pages.reverse().flat(), floor: Math.max(0, before - 1), head }
}

/**
 * The newest events in memory, bounded in bytes. It covers a position if every kept event after that position is in it;
 * the commonest replay (the reconnects after a restart) is then served without the disk.
 */
export class Tail {
  readonly #maxBytes: number
  #events: StoredEvent[] = []
  /** Events before this index were evicted; the array is compacted now and then. */
  #start = 0
  #bytes = 0
  /** Every kept event above this offset is here. */
  #floor: number
  #head: number

  constructor(maxBytes: number, { events, floor, head }: Newest) {
    this.#maxBytes = maxBytes
    this.#floor = floor
    this.#head = head
    this.#append(events)
  }

  get bytes(): number {
    return this.#bytes
  }

  get head(): number {
    return this.#head
  }

  push(commit: Commit): void {
    this.#append(commit.events)
    this.#head = commit.head
  }

  covers(position: number): boolean {
    return position >= this.#floor
  }

  /** The next events after a covered position, at most `bytes` of them (one more than fits, never none). */
  after(position: number, filter: Filter, bytes: number): TailPage {
    const events: StoredEvent[] = []
    let taken = 0
    let index = this.#indexAfter(position)
    let left = SCAN_STEP
    const each = costOf(filter)
    for (; index < this.#events.length && left > 0; index++) {
      const event = this.#events[index]!
      left -= each + event.topic.length / CHARACTERS_AN_EVENT
      if (!filterTopic(filter, event.topic) || !filterType(filter, event.type)) continue
      events.push(event)
      taken += event.bytes
      if (taken >= bytes) {
        index++
        break
      }
    }
    const reachedHead = index >= this.#events.length
    return {
      events,
      position: reachedHead ? Math.max(this.#head, position) : this.#events[index - 1]!.offset,
      spent: left <= 0,
    }
  }

  /** Looks only at the stretch that a removal can have touched: retention at its limit removes with every commit. */
  forget(removal: Removal): void {
    const from = this.#indexAfter(removal.from)
    const to = this.#indexAfter(removal.upTo)
    let kept = to
    for (let index = to - 1; index >= from; index--) {
      const event = this.#events[index]!
      if (removal.gone(event)) this.#bytes -= event.bytes + EVENT_OVERHEAD_BYTES
      else this.#events[--kept] = event
    }
    const removed = kept - from
    if (removed === 0) return
    this.#events.copyWithin(this.#start + removed, this.#start, from)
    this.#start += removed
    this.#compact()
  }

  #append(events: readonly StoredEvent[]): void {
    for (const event of events) {
      this.#events.push(event)
      this.#bytes += event.bytes + EVENT_OVERHEAD_BYTES
    }
    while (this.#bytes > this.#maxBytes && this.#start < this.#events.length) {
      const evicted = this.#events[this.#start++]!
      this.#bytes -= evicted.bytes + EVENT_OVERHEAD_BYTES
      this.#floor = evicted.offset
    }
    this.#compact()
  }

  #compact(): void {
    // Compacting at half costs each event one move in its life.
    if (this.#start > 1024 && this.#start * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#start)
      this.#start = 0
    }
  }

  #indexAfter(position: number): number {
    let low = this.#start
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#events[middle]!.offset <= position) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Of looking at one event, in those of a filter of one short pattern. */
function costOf({ patterns, types }: Filter): number {
  let segments = types.length
  for (const pattern of patterns) segments += pattern.segments.length
  return 1 + segments / SEGMENTS_AN_EVENT
}
