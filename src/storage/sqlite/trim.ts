import type { Database } from 'bun:sqlite'
import type { Horizon } from '../../core/event-log.ts'
import type { Amount } from '../../core/log-stats.ts'
import type { RetentionGroups } from '../retention.ts'
import { wholeFrom } from './damage.ts'
import { ImpossibleRow, unlessDamaged } from './sqlite-error.ts'
import { TopicChanges, type TopicTable } from './topic-table.ts'

/** Rows a step looks at, about 1 ms, and twice what was stored since the last one, so that trimming keeps up. */
const STEP_ROWS = 500

interface Row {
  offset: number
  topic_id: number
  bytes: number
  received: number
}

/** What is known of one retention group. */
interface Scan {
  /** No event of the group has a lower offset. */
  from: number
  /** Receipt time of the group's oldest event, once it has been looked up. */
  oldest: number | undefined
}

/** What a step looks at: rows as they lie in the log, of all groups. */
export interface Portion {
  group: number
  rows: Row[]
  /** A damaged page is near. */
  careful: boolean
}

/** A step's result: written, but only true once the caller's transaction is committed. */
interface Step {
  group: number
  scan: Scan
  horizon: Horizon | undefined
  removed: Amount
}

/**
 * Retention in steps. Every row is looked at once for every group in the life of the process.
 *
 * A group goes on behind a damaged page that holds nothing of it, and stands still before one that holds what it has to
 * delete: SQLite deletes no row of a page that it cannot read, and none of the page beside it when that gets empty.
 */
export class Trimmer {
  readonly #groups: RetentionGroups
  readonly #topics: TopicTable
  readonly #scans: Scan[]
  readonly #trimmedTo: number[]
  /** Rows that a step of the group may look at: few where one met a damaged page. */
  readonly #most: number[]
  /** Groups that stand still. */
  readonly #still = new Set<number>()
  readonly #database: Database
  readonly #horizons: Horizon[]
  readonly #select
  readonly #delete
  readonly #deleteOne
  readonly #mark

  constructor(database: Database, groups: RetentionGroups, topics: TopicTable, horizons: readonly Horizon[]) {
    this.#database = database
    this.#groups = groups
    this.#topics = topics
    this.#horizons = [...horizons]
    this.#scans = horizons.map(() => ({ from: 0, oldest: undefined }))
    this.#trimmedTo = horizons.map(() => 0)
    this.#most = horizons.map(() => Number.POSITIVE_INFINITY)
    this.#select = database.prepare<Row, [number, number]>(
      'SELECT offset, topic_id, bytes, received FROM events WHERE offset >= ? ORDER BY offset LIMIT ?',
    )
    this.#delete = database.prepare('DELETE FROM events WHERE offset BETWEEN ? AND ?')
    this.#deleteOne = database.prepare('DELETE FROM events WHERE offset = ?')
    this.#mark = database.prepare('UPDATE groups SET horizon_offset = ?, horizon_received = ? WHERE rank = ?')
  }

  get horizons(): readonly Horizon[] {
    return [...this.#horizons]
  }

  get trimmedTo(): readonly number[] {
    return [...this.#trimmedTo]
  }

  /** The first group that is, or may be, above its limits, and does not stand still. */
  due(now: number): number | undefined {
    const index = this.#groups.limits.findIndex((limits, group) => {
      if (this.#topics.totals[group]!.events === 0 || this.#still.has(group)) return false
      const { oldest } = this.#scans[group]!
      return this.#isFull(group) || oldest === undefined || oldest < now - limits.maxAgeMs
    })
    return index < 0 ? undefined : index
  }

  /**
   * What the next step of `group` looks at; `stored`: events since the last step. To be called outside of a transaction: one
   * in which something damaged was read cannot be committed. @returns `undefined`: the very next row cannot be read, or
   * there is none where the counts say that there are too many
   */
  look(group: number, stored: number): Portion | undefined {
    const budget = STEP_ROWS + 2 * stored
    const { from } = this.#scans[group]!
    for (let count = Math.min(budget, this.#most[group]!); count >= 1; count >>= 1) {
      this.#most[group] = count < budget ? count : Number.POSITIVE_INFINITY
      const careful = count < budget
      const rows = unlessDamaged(() => this.#select.all(from, count))
      if (rows?.length === 0 && this.#isFull(group)) return undefined
      const flawed = careful && rows ? rows.findIndex((row, index) => !this.#isSound(row, rows[index - 1]?.offset)) : -1
      if (rows && flawed !== 0) return { group, rows: flawed < 0 ? rows : rows.slice(0, flawed), careful }
    }
    return undefined
  }

  /**
   * Goes on behind what `look` could not read, of which nothing is above `head`. Outside of a transaction, as `look`.
   * @returns false: some of it is of this group, which would have to delete it
   */
  pass(group: number, now: number, head: number): boolean {
    const { from } = this.#scans[group]!
    const isWhole = (offset: number) => this.#firstFrom(offset) !== undefined
    const behind = isWhole(from) ? from : wholeFrom(from, head + 1, isWhole)
    if (behind > from && !this.#hasEvents(group, from, behind)) {
      this.#scans[group] = { from: behind, oldest: undefined }
      this.#most[group] = Number.POSITIVE_INFINITY
      return true
    }
    // Not younger than what is behind: so it is deleted late rather than early.
    const oldest = behind > head ? now : (this.#firstFrom(behind)?.[0]?.received ?? now)
    this.#scans[group] = { from, oldest }
    return !this.#isFull(group) && oldest >= now - this.#groups.limits[group]!.maxAgeMs
  }

  /** After a step of `portion` that met damage and was rolled back. @returns whether a step that takes less may do */
  takeLess({ group, rows, careful }: Portion): boolean {
    if (careful && rows.length <= 1) return false
    this.#most[group] = Math.max(1, rows.length >> 1)
    return true
  }

  /** `group` is not due until `tryAgain`. @returns the offset it stands at */
  standStill(group: number): number {
    this.#still.add(group)
    return this.#scans[group]!.from
  }

  tryAgain(): void {
    this.#still.clear()
  }

  /** Deletes what is above the limits of its group in `portion`. */
  step({ group, rows, careful }: Portion, now: number): Step {
    const limits = this.#groups.limits[group]!
    // A copy: the totals change when the rows are deleted.
    const before = { ...this.#topics.totals[group]! }
    let { events, bytes } = before
    const changes = new TopicChanges()
    const scan: Scan = { from: this.#scans[group]!.from, oldest: undefined }
    let horizon: Horizon | undefined
    let run: [number, number] | undefined
    for (const row of rows) {
      if (row.offset < scan.from) throw new ImpossibleRow('rows out of order')
      const topic = this.#topics.byId(row.topic_id)
      if (topic.group === group) {
        if (events <= limits.maxEvents && bytes <= limits.maxBytes && row.received >= now - limits.maxAgeMs) {
          scan.oldest = row.received
          break
        }
        events--
        bytes -= row.bytes
        changes.add(topic, -1, -row.bytes)
        horizon = { offset: row.offset, received: row.received }
        if (run) run[1] = row.offset
        else run = [row.offset, row.offset]
      } else if (run) {
        this.#deleteRun(run, careful)
        run = undefined
      }
      scan.from = row.offset + 1
    }
    if (run) this.#deleteRun(run, careful)
    // The end: what the group holds, if anything, has yet to come.
    if (rows.length === 0) scan.oldest = now
    this.#topics.deleted(changes.all, false)
    if (horizon) this.#mark.run(horizon.offset, horizon.received, group)
    const removed = { events: before.events - events, bytes: before.bytes - bytes }
    return { group, scan, horizon, removed }
  }

  /** The step's transaction is committed. @returns whether something was deleted */
  done({ group, scan, horizon }: Step): boolean {
    this.#scans[group] = scan
    this.#most[group]! *= 2
    if (!horizon) return false
    this.#trimmedTo[group] = horizon.offset
    if (horizon.offset > this.#horizons[group]!.offset) this.#horizons[group] = horizon
    return true
  }

  #isFull(group: number): boolean {
    const { events, bytes } = this.#topics.totals[group]!
    const { maxEvents, maxBytes } = this.#groups.limits[group]!
    return events > maxEvents || bytes > maxBytes
  }

  #deleteRun([first, last]: [number, number], careful: boolean): void {
    if (!careful) {
      this.#delete.run(first, last)
      return
    }
    // A range looks at the row behind its end, which may be on the damaged page.
    if (first < last) this.#delete.run(first, last - 1)
    this.#deleteOne.run(last)
  }

  /** None or one. @returns `undefined`: it cannot be read */
  #firstFrom(offset: number): Row[] | undefined {
    const rows = unlessDamaged(() => this.#select.all(offset, 1))
    return rows?.every((row) => row.offset >= offset && this.#isSound(row)) ? rows : undefined
  }

  /** SQLite gives what a flipped byte made of a row without a word. */
  #isSound(row: Row, before = 0): boolean {
    const { offset, topic_id, bytes, received } = row
    if (![offset, topic_id, bytes, received].every((value) => Number.isSafeInteger(value))) return false
    return offset > before && unlessDamaged(() => this.#topics.byId(topic_id)) !== undefined
  }

  // By the index of topics, which does not look at the events.
  #hasEvents(group: number, from: number, before: number): boolean {
    return this.#database
      .query<{ id: number }, [number, number]>(
        `SELECT id FROM topics WHERE EXISTS (
           SELECT 1 FROM events INDEXED BY events_by_topic WHERE topic_id = topics.id AND offset >= ? AND offset < ?)`,
      )
      .all(from, before)
      .some(({ id }) => this.#topics.byId(id).group === group)
  }
}
