import type { Database } from 'bun:sqlite'
import { TopicChanges, type TopicTable } from './topic-table.ts'

const STEP_ROWS = 1_000

interface Row {
  offset: number
  topic_id: number
  bytes: number
}

/** Deletes events for good; `PRAGMA secure_delete` overwrites their bytes. The caller owns the transaction. */
export class Eraser {
  readonly #topics: TopicTable
  readonly #one
  readonly #portion
  readonly #delete

  constructor(database: Database, topics: TopicTable) {
    this.#topics = topics
    this.#one = database.prepare<Row, [number]>('SELECT offset, topic_id, bytes FROM events WHERE offset = ?')
    this.#portion = database.prepare<Row, [number, number, number]>(
      'SELECT offset, topic_id, bytes FROM events WHERE topic_id = ? AND offset <= ? ORDER BY offset LIMIT ?',
    )
    this.#delete = database.prepare('DELETE FROM events WHERE offset = ?')
  }

  /** @returns how many went, and their bytes; fewer than a portion means there are no more. */
  step(what: { offset: number } | { topic: string }, upTo: number): { count: number; bytes: number; more: boolean } {
    const rows = 'offset' in what ? this.#one.all(what.offset) : this.#ofTopic(what.topic, upTo)
    const changes = new TopicChanges()
    let bytes = 0
    for (const row of rows) {
      this.#delete.run(row.offset)
      bytes += row.bytes
      changes.add(this.#topics.byId(row.topic_id), -1, -row.bytes)
    }
    this.#topics.deleted(changes.all, true)
    return { count: rows.length, bytes, more: 'topic' in what && rows.length === STEP_ROWS }
  }

  #ofTopic(name: string, upTo: number): Row[] {
    const topic = this.#topics.find(name)
    return topic ? this.#portion.all(topic.id, upTo, STEP_ROWS) : []
  }
}
