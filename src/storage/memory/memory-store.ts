import { Generations } from '../../core/cursor.ts'
import type { Draft, StoredEvent } from '../../core/event.ts'
import type { Horizon, ReadLimit, TopicsPage } from '../../core/event-log.ts'
import { type Filter, filterTopic, filterType } from '../../core/filter.ts'
import { type Amount, NOTHING } from '../../core/log-stats.ts'
import { newEpoch } from '../epoch.ts'
import { NO_HORIZON, type RetentionGroups, type RetentionLimits } from '../retention.ts'
import type {
  Duplicate,
  Group,
  GroupOutcome,
  Opened,
  Removed,
  RequestOutcome,
  Store,
  StoreLastPage,
  StoreListener,
  StorePage,
} from '../store.ts'
import { MemoryGroup } from './memory-group.ts'
import { MemoryTopics } from './memory-topics.ts'

/** Events looked at in one read: about 2 ms. */
const SCAN_LIMIT = 20_000

/** Events until the process ends: for tests, and where losing them in a crash is fine. */
export class MemoryStore implements Store {
  readonly opened: Opened
  readonly generations = new Generations([{ epoch: newEpoch(), firstOffset: 1 }])
  readonly #retention: RetentionGroups
  readonly #groups: readonly MemoryGroup[]
  readonly #horizons: Horizon[]
  readonly #topics = new MemoryTopics()
  #head = 0
  #listener: StoreListener | undefined

  constructor(retention: RetentionGroups) {
    this.#retention = retention
    this.#groups = retention.limits.map((limits) => new MemoryGroup(limits))
    this.#horizons = retention.limits.map(() => NO_HORIZON)
    this.opened = { head: 0, oldest: undefined, received: 0, time: 0, horizons: [...this.#horizons], kept: NOTHING }
  }

  listen(listener: StoreListener): void {
    this.#listener = listener
  }

  commit({ requests, received, now }: Group): Promise<GroupOutcome> {
    const firstOffset = this.#head + 1
    const outcomes = requests.map((drafts) => this.#store(drafts, received))
    // After the caller has announced the commit, as a worker would.
    setImmediate(() => this.#trim(now))
    return Promise.resolve({ requests: outcomes, firstOffset, generation: undefined })
  }

  async read(after: number, upTo: number, filter: Filter, limit: ReadLimit): Promise<StorePage> {
    await nextTurn()
    const events: StoredEvent[] = []
    let position = Math.max(after, 0)
    let bytes = 0
    let looked = 0
    for (const event of this.#from(after + 1)) {
      if (event.offset > upTo) break
      if (events.length >= limit.events || bytes >= limit.bytes || looked++ >= SCAN_LIMIT) {
        return { events, position, horizons: [...this.#horizons] }
      }
      position = event.offset
      if (!matches(filter, event)) continue
      events.push(event)
      bytes += event.bytes
    }
    return { events, position: Math.max(position, upTo), horizons: [...this.#horizons] }
  }

  async readLast(before: number, filter: Filter, limit: ReadLimit): Promise<StoreLastPage> {
    await nextTurn()
    const events: StoredEvent[] = []
    let position = before
    let bytes = 0
    let looked = 0
    for (const event of this.#below(before)) {
      if (events.length >= limit.events || bytes >= limit.bytes || looked++ >= SCAN_LIMIT) {
        return { events: events.reverse(), position }
      }
      position = event.offset
      if (!matches(filter, event)) continue
      events.push(event)
      bytes += event.bytes
    }
    return { events: events.reverse(), position: 0 }
  }

  async at(offset: number): Promise<StoredEvent | undefined> {
    for (const group of this.#groups) {
      const event = group.at(group.indexAfter(offset - 1))
      if (event?.offset === offset) return event
    }
    return undefined
  }

  async seek(time: number, upTo: number): Promise<number> {
    const first = this.#groups.map((group) => group.firstReceivedFrom(time)?.offset ?? Number.POSITIVE_INFINITY)
    return Math.min(upTo, ...first.map((offset) => offset - 1))
  }

  async topics(filter: Filter, after: string | undefined, limit: number): Promise<TopicsPage> {
    return this.#topics.page(filter, after, limit)
  }

  async erase(what: { offset: number } | { topic: string }): Promise<number> {
    const doomed = (event: StoredEvent) => ('topic' in what ? event.topic === what.topic : event.offset === what.offset)
    const gone: StoredEvent[] = []
    for (const group of this.#groups) {
      for (const event of group.removeWhere(doomed)) {
        this.#topics.remove(event, () => group.lastOf(event.topic))
        gone.push(event)
      }
    }
    if (gone.length > 0) {
      const erased = 'topic' in what ? { topic: what.topic, upTo: this.#head } : { offset: what.offset }
      this.#removed({ erased, removed: amountOf(gone) })
    }
    return gone.length
  }

  async probe(): Promise<void> {}

  async retain(limits: RetentionLimits): Promise<void> {
    this.#retention.replace(limits)
  }

  async trim(now: number): Promise<void> {
    this.#trim(now)
  }

  async close(): Promise<void> {
    this.#listener = undefined
  }

  #store(drafts: readonly Draft[], received: number): RequestOutcome {
    const stored: StoredEvent[] = []
    const named = new Map<string, StoredEvent>()
    const duplicates: Duplicate[] = []
    let offset = this.#head
    for (const [index, draft] of drafts.entries()) {
      // Neither part can hold a newline.
      const name = `${draft.topic}\n${draft.id}`
      const first = draft.id === null ? undefined : (this.#topics.byId(draft.topic, draft.id) ?? named.get(name))
      if (!first) {
        const event = { ...draft, offset: ++offset, epoch: this.generations.current, received }
        stored.push(event)
        if (draft.id !== null) named.set(name, event)
      } else if (sameContent(first, draft)) {
        duplicates.push({ index, offset: first.offset, received: first.received, time: first.time })
      } else {
        return { conflict: index }
      }
    }
    for (const event of stored) {
      this.#groups[this.#retention.groupOf(event.topic)]!.push(event)
      this.#topics.add(event)
    }
    this.#head = offset
    return { duplicates }
  }

  #trim(now: number): void {
    const gone: StoredEvent[] = []
    const trimmedTo = this.#groups.map((group, index) => {
      const removed = group.trim(now)
      for (const event of removed) this.#topics.remove(event, () => undefined)
      const last = removed.at(-1)
      if (last) {
        for (const event of removed) gone.push(event)
        this.#horizons[index] = { offset: last.offset, received: last.received }
      }
      return this.#horizons[index]!.offset
    })
    if (gone.length > 0) this.#removed({ trimmedTo, removed: amountOf(gone) })
  }

  #removed(removed: Omit<Removed, 'horizons' | 'oldest'>): void {
    const oldest = this.#groups.flatMap((group) => group.at(0) ?? []).sort((a, b) => a.offset - b.offset)[0]
    this.#listener?.removed({
      ...removed,
      horizons: [...this.#horizons],
      oldest: oldest && { offset: oldest.offset, received: oldest.received },
    })
  }

  *#from(offset: number): Generator<StoredEvent> {
    const next = this.#groups.map((group) => group.indexAfter(offset - 1))
    for (;;) {
      let best = -1
      let event: StoredEvent | undefined
      for (const [index, group] of this.#groups.entries()) {
        const candidate = group.at(next[index]!)
        if (!candidate || (event && event.offset < candidate.offset)) continue
        best = index
        event = candidate
      }
      if (!event) return
      next[best]!++
      yield event
    }
  }

  *#below(offset: number): Generator<StoredEvent> {
    const next = this.#groups.map((group) => group.indexAfter(offset - 1) - 1)
    for (;;) {
      let best = -1
      let event: StoredEvent | undefined
      for (const [index, group] of this.#groups.entries()) {
        const candidate = group.at(next[index]!)
        if (!candidate || (event && event.offset > candidate.offset)) continue
        best = index
        event = candidate
      }
      if (!event) return
      next[best]!--
      yield event
    }
  }
}

// A long replay is many reads in a row: without this they would be one turn, and sockets and timers would wait for it.
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function amountOf(events: readonly StoredEvent[]): Amount {
  return { events: events.length, bytes: events.reduce((bytes, event) => bytes + event.bytes, 0) }
}

function matches(filter: Filter, event: StoredEvent): boolean {
  return filterType(filter, event.type) && filterTopic(filter, event.topic)
}

function sameContent(event: StoredEvent, draft: Draft): boolean {
  return event.type === draft.type && event.isText === draft.isText && event.data === draft.data
}
