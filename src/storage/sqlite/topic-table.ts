import type { Database } from 'bun:sqlite'
import type { RetentionGroups } from '../retention.ts'
import { ImpossibleRow } from './sqlite-error.ts'

export interface TopicRow {
  id: number
  name: string
  /** Its retention group. */
  group: number
}

/** What a transaction adds to (or with negative numbers takes from) a topic. */
export interface TopicChange {
  topic: TopicRow
  events: number
  bytes: number
}

/** What a retention group holds. */
export interface GroupTotals {
  events: number
  bytes: number
}

/** Rows remembered at a time; above it all are forgotten and looked up again. About 200 bytes each. */
const REMEMBERED = 50_000

/**
 * The writer's view of the topics: names to ids, counts, and the totals of the retention groups. Remembered rows and
 * totals are only right for what was committed: `forget` after a rollback.
 */
export class TopicTable {
  readonly #groups: RetentionGroups
  readonly #byName = new Map<string, TopicRow>()
  readonly #byId = new Map<number, TopicRow>()
  readonly #find
  readonly #insert
  readonly #name
  readonly #all
  readonly #stored
  readonly #deleted
  readonly #remove
  readonly #findLast
  #totals: GroupTotals[] = []

  constructor(database: Database, groups: RetentionGroups) {
    this.#find = database.prepare<{ id: number }, [string]>('SELECT id FROM topics WHERE name = ?')
    this.#insert = database.prepare('INSERT INTO topics (name) VALUES (?)')
    this.#name = database.prepare<{ name: string }, [number]>('SELECT name FROM topics WHERE id = ?')
    this.#all = database.prepare<GroupTotals & { name: string }, []>('SELECT name, events, bytes FROM topics')
    this.#stored = database.prepare(
      'UPDATE topics SET events = events + ?, bytes = bytes + ?, last_offset = ?, last_received = ? WHERE id = ?',
    )
    this.#deleted = database.prepare<{ events: number }, [number, number, number]>(
      'UPDATE topics SET events = events + ?, bytes = bytes + ? WHERE id = ? RETURNING events',
    )
    this.#remove = database.prepare('DELETE FROM topics WHERE id = ?')
    this.#findLast = database.prepare(
      `UPDATE topics SET last_offset = last.offset, last_received = last.received
       FROM (SELECT offset, received FROM events WHERE topic_id = ?1 ORDER BY offset DESC LIMIT 1) AS last
       WHERE id = ?1`,
    )
    this.#groups = groups
    this.forget()
  }

  /** Per retention group; changed in place. */
  get totals(): readonly GroupTotals[] {
    return this.#totals
  }

  find(name: string): TopicRow | undefined {
    const remembered = this.#byName.get(name)
    if (remembered) return remembered
    const row = this.#find.get(name)
    return row ? this.#remember(row.id, name) : undefined
  }

  findOrCreate(name: string): TopicRow {
    const found = this.find(name)
    if (found) return found
    const { lastInsertRowid } = this.#insert.run(name)
    return this.#remember(Number(lastInsertRowid), name)
  }

  /** @throws ImpossibleRow: events are never without their topic */
  byId(id: number): TopicRow {
    const remembered = this.#byId.get(id)
    if (remembered) return remembered
    const row = this.#name.get(id)
    if (!row) throw new ImpossibleRow(`an event belongs to topic ${id}, which is not there`)
    return this.#remember(id, row.name)
  }

  /** Rows that were made in a request which was rolled back. */
  forgetRow(row: TopicRow): void {
    this.#byName.delete(row.name)
    this.#byId.delete(row.id)
  }

  /** After events were stored: `lastOffset` and `received` are the newest of the transaction. */
  stored(changes: Iterable<TopicChange & { lastOffset: number }>, received: number): void {
    for (const { topic, events, bytes, lastOffset } of changes) {
      this.#stored.run(events, bytes, lastOffset, received, topic.id)
      this.#count(topic, events, bytes)
    }
  }

  /** After events were deleted; a topic goes with its last event. `newest`: the last event may be among them. */
  deleted(changes: Iterable<TopicChange>, newest: boolean): void {
    for (const { topic, events, bytes } of changes) {
      const row = this.#deleted.get(events, bytes, topic.id)
      if (row?.events === 0) {
        this.#remove.run(topic.id)
        this.forgetRow(topic)
      } else if (newest) {
        this.#findLast.run(topic.id)
      }
      this.#count(topic, events, bytes)
    }
  }

  /** Starts anew from what is committed. */
  forget(): void {
    this.#byName.clear()
    this.#byId.clear()
    this.#totals = this.#groups.limits.map(() => ({ events: 0, bytes: 0 }))
    for (const { name, events, bytes } of this.#all.iterate()) {
      const totals = this.#totals[this.#groups.groupOf(name)]!
      totals.events += events
      totals.bytes += bytes
    }
  }

  #count(topic: TopicRow, events: number, bytes: number): void {
    const totals = this.#totals[topic.group]!
    totals.events += events
    totals.bytes += bytes
  }

  #remember(id: number, name: string): TopicRow {
    if (this.#byName.size >= REMEMBERED) {
      this.#byName.clear()
      this.#byId.clear()
    }
    const row = { id, name, group: this.#groups.groupOf(name) }
    this.#byName.set(name, row)
    this.#byId.set(id, row)
    return row
  }
}

/** Adds up changes per topic. */
export class TopicChanges {
  readonly #changes = new Map<number, TopicChange & { lastOffset: number }>()

  get all(): IterableIterator<TopicChange & { lastOffset: number }> {
    return this.#changes.values()
  }

  add(topic: TopicRow, events: number, bytes: number, lastOffset = 0): void {
    const change = this.#changes.get(topic.id)
    if (!change) {
      this.#changes.set(topic.id, { topic, events, bytes, lastOffset })
      return
    }
    change.events += events
    change.bytes += bytes
    change.lastOffset = lastOffset
  }
}
