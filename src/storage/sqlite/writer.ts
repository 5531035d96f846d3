import type { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { HubError } from '../../core/errors.ts'
import { sum } from '../../core/log-stats.ts'
import { finishRestore } from '../archive/pending-restore.ts'
import { RetentionGroups, type RetentionLimits } from '../retention.ts'
import type { GroupOutcome, Removed } from '../store.ts'
import { Appender, type Unreadable } from './append.ts'
import { openBooks, rememberNewest, rememberTime } from './books.ts'
import { EVENTS_FILE, prepareDirectory, requireThere } from './directory.ts'
import { Eraser } from './erase.ts'
import { lockDirectory } from './lock.ts'
import type { WriterCalls, WriterOpened, WriterOptions } from './messages.ts'
import { OldestEvent } from './oldest-event.ts'
import { BUSY_TIMEOUT_MS, openDatabase } from './open-database.ts'
import { damaged, isBusy, isCorrupt, isFull } from './sqlite-error.ts'
import { StoppedGroups } from './stopped-groups.ts'
import { TopicTable } from './topic-table.ts'
import { type Portion, Trimmer } from './trim.ts'

/** With a commit, so that a crash forgets no more. */
const TIME_STORED_EVERY_MS = 60_000
/** Together about a second: a longer one is another program's, and ends when it ends. */
const CHECKPOINT_TRIES = 20
const CHECKPOINT_PAUSE_MS = 50
/** Above the slice that our own reader takes (5 ms): publishing waits for it. */
const CHECKPOINT_WAIT_MS = 10
/** A day, at one in 15 seconds: retention that damage stops is tried again, and said again. */
const TRIMS_BETWEEN_TRIES = 5_760

/** The one connection that writes, and everything that happens on it. Lives in the writer worker. */
export class Writer {
  readonly opened: WriterOpened
  readonly #path: string
  readonly #database: Database
  readonly #groups: RetentionGroups
  readonly #unlock: () => void
  readonly #durability: 'full' | 'normal'
  readonly #tellRemoved: (removed: Removed) => void
  readonly #topics: TopicTable
  readonly #appender: Appender
  readonly #trimmer: Trimmer
  readonly #oldest: OldestEvent
  readonly #stopped: StoppedGroups
  readonly #eraser: Eraser
  readonly #begin
  readonly #commit
  /** The newest time of retention that the main thread has told: this thread has no clock of its own. */
  #now = 0
  /** What of it is on the disk. */
  #storedNow: number
  #received: number
  #storedSinceStep = 0
  #trimScheduled = false
  /** Erased text may still be in the WAL. */
  #walHoldsErased = false
  #trims = 0
  #closed = false

  constructor({ directory, durability, retention }: WriterOptions, tellRemoved: (removed: Removed) => void) {
    prepareDirectory(directory)
    this.#unlock = lockDirectory(directory)
    try {
      const restored = finishRestore(directory)
      this.#path = join(directory, EVENTS_FILE)
      const { database, warnings } = openDatabase(this.#path, durability)
      if (restored !== undefined) {
        warnings.push(`A restore that was cut off is now at its end; what was there before is in ${restored}.`)
      }
      const groups = new RetentionGroups(retention)
      const { begun, ...books } = openBooks(database, groups)
      this.#database = database
      this.#groups = groups
      this.#durability = durability
      this.#tellRemoved = tellRemoved
      this.#topics = new TopicTable(database, groups)
      this.#appender = new Appender(database, this.#topics, books.head, begun)
      this.#trimmer = new Trimmer(database, groups, this.#topics, books.horizons)
      this.#stopped = new StoppedGroups(groups)
      this.#oldest = new OldestEvent(database)
      this.#eraser = new Eraser(database, this.#topics)
      this.#begin = database.prepare('BEGIN IMMEDIATE')
      this.#commit = database.prepare('COMMIT')
      this.#received = books.received
      this.#storedNow = books.time
      this.opened = { ...books, kept: sum(this.#topics.totals), warnings }
    } catch (error) {
      this.#unlock()
      throw error
    }
  }

  commit(ask: WriterCalls['commit']['ask']): GroupOutcome {
    this.#now = ask.now
    try {
      return this.#store(ask)
    } catch (error) {
      // A transaction in which a damaged page was read cannot be committed: it is begun again without who asked for that.
      const unreadable = isCorrupt(error) ? this.#appender.unreadable(ask.sizes, ask.drafts) : undefined
      if (!unreadable || unreadable.size === 0) throw error
      return this.#store(ask, unreadable)
    }
  }

  #store({ sizes, received, now, drafts }: WriterCalls['commit']['ask'], without?: Unreadable): GroupOutcome {
    const before = this.#appender.head
    const remembersTime = Math.abs(now - this.#storedNow) >= TIME_STORED_EVERY_MS
    try {
      this.#begin.run()
      if (remembersTime) rememberTime(this.#database, now)
      const outcome = this.#appender.append(sizes, received, drafts, () => this.#commit.run(), without)
      this.#received = received
      if (remembersTime) this.#storedNow = now
      this.#storedSinceStep += this.#appender.head - before
      this.#scheduleTrim()
      return outcome
    } catch (error) {
      this.#undo()
      if (isFull(error)) this.#makeRoom()
      throw error
    }
  }

  retain(limits: RetentionLimits): null {
    this.#groups.replace(limits)
    this.#trimmer.tryAgain()
    return null
  }

  /**
   * Until nothing is above its limits; commits go in between.
   * @throws HubError `log-failed`: the file was removed; `log-corrupt`, once a day: it met damaged pages
   */
  async trim(now: number): Promise<null> {
    requireThere(this.#path)
    this.#now = now
    if (++this.#trims % TRIMS_BETWEEN_TRIES === 0) this.#trimmer.tryAgain()
    while (this.#trimStep()) await nextTurn()
    if (this.#walHoldsErased && !this.#closed) this.#tryEmptyWal()
    const stopped = this.#stopped.take()
    if (stopped) throw stopped
    return null
  }

  /** @throws HubError `overloaded`: another program reads the files; the next erase or trim goes on */
  async erase(what: { offset: number } | { topic: string }): Promise<number> {
    const upTo = this.#appender.head
    let count = 0
    for (let more = true; more && !this.#closed; ) {
      const step = this.#eraseStep(what, upTo)
      count += step.count
      if (step.count > 0) this.#walHoldsErased = true
      more = step.more
      if (step.count > 0) {
        const erased = 'topic' in what ? { topic: what.topic, upTo } : what
        this.#removed({ erased, removed: { events: step.count, bytes: step.bytes } })
      }
      if (more) await nextTurn()
    }
    if (this.#walHoldsErased) await this.#emptyWal()
    return count
  }

  // Nobody is promised that a damaged event can be erased, and whoever asks again must not end the hub again.
  #eraseStep(what: { offset: number } | { topic: string }, upTo: number): ReturnType<Eraser['step']> {
    try {
      return this.#transaction(() => {
        const result = this.#eraser.step(what, upTo)
        if (result.count > 0) rememberNewest(this.#database, upTo, this.#received)
        return result
      })
    } catch (error) {
      throw damaged(error)
    }
  }

  close(): null {
    this.#closed = true
    try {
      this.#rememberTimeAtEnd()
    } finally {
      try {
        this.#checkpointAtEnd()
        this.#database.close()
      } finally {
        this.#unlock()
      }
    }
    return null
  }

  #rememberTimeAtEnd(): void {
    if (this.#now === 0 || this.#now === this.#storedNow) return
    try {
      rememberTime(this.#database, this.#now)
    } catch (error) {
      // The next run then believes its clock somewhat later.
      if (!isFull(error) && !isBusy(error)) throw error
    }
  }

  // On a full disk the pages stay in the WAL, from where the next start reads them: nothing is lost by not moving them.
  #checkpointAtEnd(): void {
    try {
      this.#database.run('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch (error) {
      if (!isFull(error)) throw error
    }
  }

  #scheduleTrim(): void {
    if (this.#trimScheduled || this.#trimmer.due(this.#now) === undefined) return
    this.#trimScheduled = true
    setImmediate(() => {
      this.#trimScheduled = false
      if (this.#trimStep()) this.#scheduleTrim()
    })
  }

  /** @returns whether there may be more to do */
  #trimStep(): boolean {
    const group = this.#closed ? undefined : this.#trimmer.due(this.#now)
    if (group === undefined) return false
    const stored = this.#storedSinceStep
    this.#storedSinceStep = 0
    // A trim that a power cut undoes brings its events and its horizon back together, so it need not be waited for.
    this.#database.run('PRAGMA synchronous = NORMAL')
    let portion: Portion | undefined
    try {
      portion = this.#trimmer.look(group, stored)
      if (!portion) {
        if (!this.#trimmer.pass(group, this.#now, this.#appender.head)) this.#standStill(group, undefined)
        return true
      }
      const rows = portion
      const step = this.#transaction(() => {
        const result = this.#trimmer.step(rows, this.#now)
        if (result.horizon) rememberNewest(this.#database, this.#appender.head, this.#received)
        return result
      })
      if (this.#trimmer.done(step)) this.#removed({ trimmedTo: this.#trimmer.trimmedTo, removed: step.removed })
      return true
    } catch (error) {
      // The next publish meets the full disk or the lock too, and tells; trimming is tried again after it.
      if (isFull(error) || isBusy(error)) return false
      if (!isCorrupt(error)) throw error
      if (!portion || !this.#trimmer.takeLess(portion)) this.#standStill(group, error)
      return true
    } finally {
      if (this.#durability === 'full') this.#database.run('PRAGMA synchronous = FULL')
    }
  }

  #standStill(group: number, cause: unknown): void {
    this.#stopped.add(group, this.#trimmer.standStill(group), cause)
  }

  #removed(removed: Omit<Removed, 'horizons' | 'oldest'>): void {
    const oldest = this.#oldest.find(this.#appender.head)
    this.#tellRemoved({ ...removed, horizons: this.#trimmer.horizons, oldest })
  }

  #transaction<T>(run: () => T): T {
    try {
      this.#begin.run()
      const result = run()
      this.#commit.run()
      return result
    } catch (error) {
      this.#undo()
      throw error
    }
  }

  #undo(): void {
    // SQLite rolls some failures back by itself.
    if (this.#database.inTransaction) this.#database.run('ROLLBACK')
    this.#topics.forget()
  }

  // What the WAL holds goes to pages the database file mostly has already; then retention may free more.
  #makeRoom(): void {
    try {
      this.#tryEmptyWal()
    } catch (error) {
      if (!isFull(error)) throw error
    }
    this.#scheduleTrim()
  }

  /** Erased text is also in older frames of the WAL until that is cut off. */
  async #emptyWal(): Promise<void> {
    for (let attempt = 0; attempt < CHECKPOINT_TRIES; attempt++) {
      if (this.#closed || this.#tryEmptyWal()) return
      await pause(CHECKPOINT_PAUSE_MS)
    }
    throw new HubError(
      'overloaded',
      'The events are erased, but their text is still in the write-ahead log; ask again.',
      {
        retryAfterMs: 1_000,
      },
    )
  }

  // Waits but a moment, since commits wait for it: an outside reader may hold the WAL for as long as it likes.
  #tryEmptyWal(): boolean {
    this.#database.run(`PRAGMA busy_timeout = ${CHECKPOINT_WAIT_MS}`)
    try {
      const result = this.#database.query<{ busy: number }, []>('PRAGMA wal_checkpoint(TRUNCATE)').get()
      if (result?.busy !== 0) return false
      this.#walHoldsErased = false
      return true
    } catch (error) {
      if (isBusy(error)) return false
      throw error
    } finally {
      this.#database.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
