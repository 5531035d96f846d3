import type { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { type Cursor, formatCursor, Generations } from '../../core/cursor.ts'
import { HubError } from '../../core/errors.ts'
import type { Draft } from '../../core/event.ts'
import { oneLine } from '../../core/one-line.ts'
import { type Retention, RetentionGroups } from '../retention.ts'
import { Appender, type SameData } from '../sqlite/append.ts'
import { openBooks } from '../sqlite/books.ts'
import { EVENTS_FILE, prepareDirectory } from '../sqlite/directory.ts'
import { openDatabase } from '../sqlite/open-database.ts'
import { packDrafts } from '../sqlite/packed-events.ts'
import { TopicTable } from '../sqlite/topic-table.ts'
import { abandon, settle } from './last-step.ts'
import { locked } from './offline.ts'
import { finishRestore } from './pending-restore.ts'

export interface ImportOptions {
  /** The data directory; no hub runs in it. */
  directory: string
  /** Of the hub that will run there. */
  retention: Retention
  /** Receipt time of everything imported, milliseconds; never below that of an event which is there. */
  now: number
}

export interface ImportedEvent {
  draft: Draft
  /** Where it was, of one whose id a hub made. */
  own: Cursor | undefined
  /** Where it stands in its source, from 1. */
  line: number
}

export interface Imported {
  events: number
  /** They were there already. */
  duplicates: number
  /** Of the newest event; `undefined` when nothing was stored. */
  cursor: string | undefined
  /** Events that the next start of the hub removes by count or size, at least. */
  beyond: number
  /** What failed after they were in the log, which they are: sentences that say what to do. */
  warnings: string[]
}

/**
 * From so many events on, the index of topics is made again at the end: kept up row by row it takes three quarters of
 * the time (1,000,000 events of 200 bytes in 100 topics: 10.7 s, else 2.9 s and 0.4 s for the index).
 */
const MANY_EVENTS = 20_000
const TOPIC_INDEX = 'events_by_topic'

/** More of a large transaction stays in memory before SQLite moves it to the -wal file. */
const CACHE_KIB = 64 * 1024

/**
 * Appends events to a log, which is made if absent: all of `batches`, or nothing, in one transaction. It needs about
 * twice the room of the events while it runs. @throws HubError `id-conflict`, `log-locked`, `log-unwritable`,
 * `log-corrupt`, `log-newer`, `disk-full`, `log-failed`, and what `batches` throws; nothing was imported then, except
 * that with UnsettledImport it is not known
 */
export async function importEvents(
  { directory, retention, now }: ImportOptions,
  batches: AsyncIterable<readonly ImportedEvent[]>,
): Promise<Imported> {
  prepareDirectory(directory)
  return locked(directory, async () => {
    finishRestore(directory)
    const { database } = openDatabase(join(directory, EVENTS_FILE), 'full')
    let ending: Import | undefined
    try {
      database.run(`PRAGMA cache_size = -${CACHE_KIB}`)
      const importing = new Import(database, new RetentionGroups(retention), now)
      database.run('BEGIN IMMEDIATE')
      for await (const batch of batches) importing.add(batch)
      importing.finish()
      ending = importing
      database.run('COMMIT')
    } catch (error) {
      throw abandon(database, directory, ending?.before, error)
    }
    return { ...ending.result, warnings: settle(database, directory) }
  })
}

interface Kept {
  topic: string
  type: string
  isText: number
  data: string
}

/** The caller owns the transaction. */
class Import {
  readonly #appender: Appender
  readonly #topics: TopicTable
  readonly #groups: RetentionGroups
  readonly #generations: Generations
  /** Where the log ended before. */
  readonly #head: number
  readonly #received: number
  readonly #kept
  readonly #database: Database
  /** What makes the index of topics, while there is none. */
  #topicIndex: string | undefined
  #epoch: string
  #events = 0
  #duplicates = 0

  constructor(database: Database, groups: RetentionGroups, now: number) {
    const books = openBooks(database, groups)
    this.#database = database
    this.#groups = groups
    this.#topics = new TopicTable(database, groups)
    this.#appender = new Appender(database, this.#topics, books.head, books.begun, sameData)
    this.#generations = new Generations(books.generations)
    this.#epoch = this.#generations.current
    this.#head = books.head
    this.#received = Math.max(now, books.received)
    this.#kept = database.prepare<Kept, [number]>(
      `SELECT topics.name AS topic, type, is_text AS isText, data
       FROM events JOIN topics ON topics.id = events.topic_id WHERE offset = ?`,
    )
  }

  /** The cursor of where the log ended before. */
  get before(): string {
    return this.#generations.cursor(this.#head)
  }

  get result(): Omit<Imported, 'warnings'> {
    const { limits } = this.#groups
    const beyond = this.#topics.totals.map(({ events, bytes }, group) => {
      const { maxEvents, maxBytes } = limits[group]!
      return Math.max(events - maxEvents, Math.ceil(events * (1 - maxBytes / Math.max(bytes, 1))), 0)
    })
    return {
      events: this.#events,
      duplicates: this.#duplicates,
      cursor: this.#events === 0 ? undefined : formatCursor(this.#epoch, this.#appender.head),
      beyond: beyond.reduce((sum, count) => sum + count, 0),
    }
  }

  /** @throws HubError `id-conflict` */
  add(batch: readonly ImportedEvent[]): void {
    const fresh = batch.filter((event) => !this.#isThere(event))
    this.#duplicates += batch.length - fresh.length
    if (fresh.length === 0) return
    const drafts = fresh.map(({ draft }) => draft)
    const outcome = this.#appender.append([drafts.length], this.#received, packDrafts([drafts]), () => {})
    const [became] = outcome.requests
    if (became && 'damaged' in became) {
      const { line } = fresh[became.damaged]!
      throw new HubError(
        'log-corrupt',
        `The log is damaged where it has the event of line ${line}; restore a backup of it.`,
      )
    }
    if (!became || 'conflict' in became) {
      const { draft, line } = fresh[became?.conflict ?? 0]!
      throw new HubError(
        'id-conflict',
        `Line ${line}: the topic "${draft.topic}" holds another event with the id "${draft.id}"; give this one another id, or take it out.`,
      )
    }
    if (outcome.generation) this.#epoch = outcome.generation.epoch
    this.#duplicates += became.duplicates.length
    this.#events += drafts.length - became.duplicates.length
    if (this.#events >= MANY_EVENTS) this.#dropTopicIndex()
  }

  /** To be called last in the transaction. */
  finish(): void {
    if (this.#topicIndex !== undefined) this.#database.run(this.#topicIndex)
    this.#topicIndex = undefined
  }

  #dropTopicIndex(): void {
    if (this.#topicIndex !== undefined) return
    const find = this.#database.query<{ sql: string }, [string]>('SELECT sql FROM sqlite_schema WHERE name = ?')
    this.#topicIndex = find.get(TOPIC_INDEX)!.sql
    this.#database.run(`DROP INDEX ${TOPIC_INDEX}`)
  }

  // An event that comes back to the log it was exported from, which still has it.
  #isThere({ draft, own }: ImportedEvent): boolean {
    const offset = own && this.#generations.resolve(own, this.#head)
    const kept = offset === undefined ? undefined : this.#kept.get(offset)
    if (!kept) return false
    const { topic, type, isText } = draft
    return kept.topic === topic && kept.type === type && kept.isText === Number(isText) && sameData(kept.data, draft)
  }
}

/** A line of an export has the one-line form of JSON that was published with line breaks between its tokens. */
const sameData: SameData = (kept, { data, isText }) => kept === data || (!isText && oneLine(kept) === oneLine(data))
