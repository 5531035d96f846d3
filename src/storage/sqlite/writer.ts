import type { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { sum } from '../../core/log-stats.ts'
import { finishRestore } from '../archive/pending-restore.ts'
import { RetentionGroups, type RetentionLimits } from '../retention.ts'
import type { GroupOutcome, Removed } from '../store.ts'
import { Appender, type Unreadable } from './append.ts'
import { openBooks, rememberNewest } from './books.ts'
import { EVENTS_FILE, prepareDirectory, requireThere } from './directory.ts'
import { Eraser } from './erase.ts'
import { lockDirectory } from './lock.ts'
import type { WriterCalls, WriterOpened, WriterOptions } from './messages.ts'
import { OldestEvent } from './oldest-event.ts'
import { openDatabase } from './open-database.ts'
import { RetentionTime } from './retention-time.ts'
import { damaged, isCorrupt, isFull } from './sqlite-error.ts'
import { TopicTable } from './topic-table.ts'
import { Transactions } from './transactions.ts'
import { Trimmer } from './trim.ts'
import { Trimming } from './trimming.ts'
import { WriteAheadLog } from './write-ahead-log.ts'

/** The one connection that writes, and everything that happens on it. Lives in the writer worker. */
export class Writer {
  readonly opened: WriterOpened
  readonly #path: string
  readonly #database: Database
  readonly #unlock: () => void
  readonly #tellRemoved: (removed: Removed) => void
  readonly #transactions: Transactions
  readonly #wal: WriteAheadLog
  readonly #appender: Appender
  readonly #trimmer: Trimmer
  readonly #trimming: Trimming
  readonly #oldest: OldestEvent
  readonly #eraser: Eraser
  readonly #time: RetentionTime
  #received: number
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
      const topics = new TopicTable(database, groups)
      this.#database = database
      this.#tellRemoved = tellRemoved
      this.#transactions = new Transactions(database, () => topics.forget())
      this.#wal = new WriteAheadLog(database)
      this.#appender = new Appender(database, topics, books.head, begun)
      this.#trimmer = new Trimmer(database, groups, topics, books.horizons)
      this.#trimming = new Trimming({
        database,
        groups,
        durability,
        trimmer: this.#trimmer,
        head: () => this.#appender.head,
        now: () => this.#time.now,
        remove: (work, removes) => this.#remove(work, removes),
        removed: (removed) => this.#removed(removed),
      })
      this.#oldest = new OldestEvent(database)
      this.#eraser = new Eraser(database, topics)
      this.#time = new RetentionTime(database, books.time)
      this.#received = books.received
      this.opened = { ...books, kept: sum(topics.totals), warnings }
    } catch (error) {
      this.#unlock()
      throw error
    }
  }

  commit(ask: WriterCalls['commit']['ask']): GroupOutcome {
    this.#time.now = ask.now
    try {
      return this.#store(ask)
    } catch (error) {
      // A transaction in which a damaged page was read cannot be committed: it is begun again without who asked for that.
      const unreadable = isCorrupt(error) ? this.#appender.unreadable(ask.sizes, ask.drafts) : undefined
      if (!unreadable || unreadable.size === 0) throw error
      return this.#store(ask, unreadable)
    }
  }

  retain(limits: RetentionLimits): null {
    this.#trimming.retain(limits)
    return null
  }

  /**
   * Until nothing is above its limits; commits go in between.
   * @throws HubError `log-failed`: the file was removed; `log-corrupt`, once a day: it met damaged pages
   */
  async trim(now: number): Promise<null> {
    requireThere(this.#path)
    this.#time.now = now
    const stopped = await this.#trimming.run()
    this.#wal.tryToForget()
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
      more = step.more
      if (step.count > 0) {
        this.#wal.holdsErased()
        const erased = 'topic' in what ? { topic: what.topic, upTo } : what
        this.#removed({ erased, removed: { events: step.count, bytes: step.bytes } })
      }
      if (more) await new Promise((resolve) => setImmediate(resolve))
    }
    await this.#wal.forget()
    return count
  }

  close(): null {
    this.#closed = true
    this.#trimming.close()
    try {
      this.#time.rememberLast()
    } finally {
      try {
        this.#wal.close()
        this.#database.close()
      } finally {
        this.#unlock()
      }
    }
    return null
  }

  #store({ sizes, received, drafts }: WriterCalls['commit']['ask'], without?: Unreadable): GroupOutcome {
    const before = this.#appender.head
    try {
      return this.#transactions.runAndCommit((commit) => {
        const remembered = this.#time.remember()
        const outcome = this.#appender.append(sizes, received, drafts, commit, without)
        remembered()
        this.#received = received
        this.#trimming.schedule(this.#appender.head - before)
        return outcome
      })
    } catch (error) {
      if (isFull(error)) {
        this.#wal.makeRoom()
        // It may free more.
        this.#trimming.schedule()
      }
      throw error
    }
  }

  // Nobody is promised that a damaged event can be erased, and whoever asks again must not end the hub again.
  #eraseStep(what: { offset: number } | { topic: string }, upTo: number): ReturnType<Eraser['step']> {
    try {
      return this.#remove(
        () => this.#eraser.step(what, upTo),
        ({ count }) => count > 0,
      )
    } catch (error) {
      throw damaged(error)
    }
  }

  // Once the newest event may be gone, the events no longer tell which offsets have been used.
  #remove<T>(work: () => T, removes: (result: T) => boolean): T {
    return this.#transactions.run(() => {
      const result = work()
      if (removes(result)) rememberNewest(this.#database, this.#appender.head, this.#received)
      return result
    })
  }

  #removed(removed: Omit<Removed, 'horizons' | 'oldest'>): void {
    const oldest = this.#oldest.find(this.#appender.head)
    this.#tellRemoved({ ...removed, horizons: this.#trimmer.horizons, oldest })
  }
}
