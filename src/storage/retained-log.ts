import type { Clock } from '../core/clock.ts'
import { type ErrorCode, HubError } from '../core/errors.ts'
import type { Draft, StoredEvent } from '../core/event.ts'
import type {
  Commit,
  EventLog,
  Horizon,
  LastPage,
  Page,
  Pressure,
  ReadLimit,
  Receipt,
  Removal,
  TopicsPage,
} from '../core/event-log.ts'
import type { Filter } from '../core/filter.ts'
import { LogStats } from '../core/log-stats.ts'
import { AnnouncedHead } from './announced-head.ts'
import { Feed } from './feed.ts'
import { GroupCommit, type Request } from './group-commit.ts'
import { LogTroubles } from './log-troubles.ts'
import { ReceiptClock } from './receipt-clock.ts'
import { receiptsOf, type Settled } from './receipts.ts'
import { Removals } from './removals.ts'
import type { RetentionGroups, RetentionLimits } from './retention.ts'
import { RetentionClock } from './retention-clock.ts'
import type { Oldest, Removed, Store } from './store.ts'

/** How often retention looks for events that have become too old when nothing is published. */
const AGE_CHECK_MS = 15_000

/** A commit refused like this was rolled back whole, and the next one may go through. */
const passing: ReadonlySet<ErrorCode> = new Set(['disk-full', 'overloaded'])

export interface RetainedLogOptions {
  store: Store
  groups: RetentionGroups
  pending: Pressure
  clock: Clock
  warn(message: string): void
}

/**
 * The event log over any store: group commit, the feed, what is announced, and the end. What one commit changes (head,
 * listeners, replies) happens in one synchronous turn, in the order of the commits.
 */
export class RetainedLog implements EventLog {
  readonly stats: LogStats
  readonly #store: Store
  readonly #groups: RetentionGroups
  readonly #clock: Clock
  readonly #warn: (message: string) => void
  readonly #troubles: LogTroubles
  readonly #receipts: ReceiptClock
  readonly #retentionClock: RetentionClock
  readonly #queue: GroupCommit
  readonly #commits = new Feed<Commit>()
  readonly #removals: Removals
  readonly #failures = new Feed<HubError>()
  readonly #stopAgeCheck: () => void
  readonly #head: AnnouncedHead
  #horizons: readonly Horizon[]
  #oldest: Oldest | undefined
  #failure: HubError | undefined
  #closing: Promise<void> | undefined

  constructor({ store, groups, pending, clock, warn }: RetainedLogOptions) {
    this.#store = store
    this.#groups = groups
    this.#clock = clock
    this.#warn = warn
    this.#troubles = new LogTroubles(clock, warn)
    this.#receipts = new ReceiptClock(store.opened.received, clock, warn)
    this.#retentionClock = new RetentionClock(store.opened.time || store.opened.received, clock, warn)
    this.#removals = new Removals(groups)
    this.#head = new AnnouncedHead(store.opened.head)
    this.#oldest = store.opened.oldest
    this.stats = new LogStats(store.opened.kept, store.opened.oldest?.received)
    this.#horizons = store.opened.horizons
    this.#queue = new GroupCommit(pending, (requests) => this.#commit(requests))
    store.listen({ removed: (removed) => this.#remove(removed), failed: (error) => this.#fail(error) })
    this.#stopAgeCheck = clock.every(AGE_CHECK_MS, () => void this.trim().catch((error) => this.#trimFailed(error)))
  }

  get generations() {
    return this.#store.generations
  }

  get head(): number {
    return this.#head.offset
  }

  get oldest(): number {
    return this.#oldest?.offset ?? this.head + 1
  }

  get pressure(): Pressure {
    return this.#queue.pressure
  }

  append(drafts: readonly Draft[]): Promise<Receipt[]> {
    const refusal = this.#refusal()
    if (refusal) return Promise.reject(refusal)
    return drafts.length === 0 ? Promise.resolve([]) : this.#queue.append(drafts)
  }

  async read(after: number, filter: Filter, limit: ReadLimit): Promise<Page> {
    this.#requireOpen()
    const page = await this.#asked(this.#store.read(after, this.head, filter, limit))
    this.#noteLost(page)
    return {
      events: page.events,
      position: page.position,
      horizon: this.#groups.horizon(filter, page.horizons),
      lostUpTo: page.lostUpTo ?? 0,
    }
  }

  async readLast(before: number, filter: Filter, limit: ReadLimit): Promise<LastPage> {
    this.#requireOpen()
    const page = await this.#asked(this.#store.readLast(Math.min(before, this.head + 1), filter, limit))
    this.#noteLost(page)
    return { events: page.events, position: page.position, damaged: page.damaged ?? false }
  }

  async at(offset: number): Promise<StoredEvent | undefined> {
    this.#requireOpen()
    return offset > this.head ? undefined : this.#asked(this.#store.at(offset))
  }

  async seek(time: number): Promise<number> {
    this.#requireOpen()
    return this.#asked(this.#store.seek(time, this.head))
  }

  horizon(filter: Filter): Horizon {
    return this.#groups.horizon(filter, this.#horizons)
  }

  async topics(filter: Filter, after: string | undefined, limit: number): Promise<TopicsPage> {
    this.#requireOpen()
    const page = await this.#asked(this.#store.topics(filter, after, limit))
    await this.#head.until(page.topics.reduce((last, topic) => Math.max(last, topic.lastOffset), 0))
    return page
  }

  async erase(what: { offset: number } | { topic: string }): Promise<number> {
    this.#requireOpen()
    return this.#asked(this.#store.erase(what))
  }

  async probe(): Promise<void> {
    this.#requireOpen()
    return this.#store.probe()
  }

  async trim(): Promise<void> {
    this.#requireOpen()
    return this.#asked(this.#store.trim(this.#retentionClock.now()))
  }

  /** Other limits, as `Store.retain`. What is above them now is trimmed in the time that takes, and what is not is kept. */
  async retain(limits: RetentionLimits): Promise<void> {
    this.#requireOpen()
    await this.#asked(this.#store.retain(limits))
    void this.trim().catch((error) => this.#trimFailed(error))
  }

  onCommit(listener: (commit: Commit) => void | Promise<void>): () => void {
    return this.#commits.listen(listener)
  }

  onRemoval(listener: (removal: Removal) => void): () => void {
    return this.#removals.listen(listener)
  }

  onFailure(listener: (error: HubError) => void): () => void {
    return this.#failures.listen(listener)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#stopAgeCheck()
    await this.#queue.idle()
    await this.#store.close()
  }

  #refusal(): HubError | undefined {
    if (this.#failure) return this.#failure
    return this.#closing && new HubError('log-closed', 'The event log is closing; publish again when the hub is back.')
  }

  #requireOpen(): void {
    const refusal = this.#refusal()
    if (refusal) throw refusal
  }

  // A disk that fails a read or an erase has failed the log as much as one that fails a commit.
  async #asked<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer
    } catch (error) {
      if (error instanceof HubError && error.code === 'log-failed') this.#fail(error)
      throw error
    }
  }

  #noteLost({ lost }: { lost?: string | undefined }): void {
    if (lost !== undefined) this.#troubles.note({ code: 'log-corrupt', message: lost })
  }

  #trimFailed(error: unknown): void {
    const code = error instanceof HubError ? error.code : undefined
    // The end is no news, and a failure has been told to `onFailure`.
    if (code === 'log-closed' || code === 'log-failed') return
    this.#warn(`Retention did not run: ${error instanceof Error ? error.message : String(error)}`)
  }

  async #commit(requests: readonly Request[]): Promise<void> {
    if (this.#failure) return refuseAll(requests, this.#failure)
    const received = this.#receipts.next()
    const now = this.#retentionClock.now()
    try {
      const began = this.#clock.monotonic()
      const outcome = await this.#store.commit({ requests: requests.map((request) => request.drafts), received, now })
      this.stats.commits.observe((this.#clock.monotonic() - began) / 1000)
      if (outcome.generation) this.generations.begin(outcome.generation)
      const { events, settled } = receiptsOf(requests, outcome, received, this.generations)
      const ran = events.length > 0 ? this.#announce(events) : undefined
      const answer = () => this.#answer(settled)
      if (ran) void ran.then(answer)
      else answer()
    } catch (error) {
      refuseAll(requests, error)
      if (error instanceof HubError && passing.has(error.code)) this.#troubles.note(error)
      else this.#fail(toFailure(error))
    }
  }

  #answer(settled: readonly Settled[]): void {
    for (const { request, result } of settled) {
      if (!(result instanceof HubError)) {
        request.answer(result)
        continue
      }
      if (result.code === 'log-corrupt') this.#troubles.note(result)
      request.refuse(result)
    }
  }

  #announce(events: StoredEvent[]): Promise<void> | undefined {
    const told = this.#head.advance(events.at(-1)!.offset)
    this.#setOldest(this.#oldest ?? events[0]!)
    let bytes = 0
    for (const event of events) bytes += event.bytes
    this.stats.stored({ events: events.length, bytes })
    const ran = this.#commits.emit({ events, head: this.head })
    told()
    return ran
  }

  #setOldest(oldest: Oldest | undefined): void {
    this.#oldest = oldest && { offset: oldest.offset, received: oldest.received }
    this.stats.oldestReceived = oldest?.received
  }

  #remove(removed: Removed): void {
    this.#horizons = removed.horizons
    this.#setOldest(removed.oldest)
    this.stats.removed(removed.removed, removed.erased ? 'erased' : 'trimmed')
    this.#removals.tell(removed)
  }

  #fail(error: HubError): void {
    if (this.#failure) return
    this.#failure = error
    this.#stopAgeCheck()
    this.#queue.refuseWaiting(error)
    this.#head.fail(error)
    this.#failures.emit(error)
  }
}

function refuseAll(requests: readonly Request[], error: unknown): void {
  for (const request of requests) request.refuse(error)
}

function toFailure(cause: unknown): HubError {
  if (cause instanceof HubError && cause.code !== 'internal') return cause
  return new HubError('log-failed', 'The event log failed; the hub must be restarted.', { cause })
}
