import type { Database } from 'bun:sqlite'
import type { Horizon } from '../../core/event-log.ts'
import type { Amount } from '../../core/log-stats.ts'
import type { RetentionGroups } from '../retention.ts'
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

/** A step's result: written, but only true once the caller's transaction is committed. */
interface Step {
  group: number
  scan: Scan
  horizon: Horizon | undefined
  removed: Amount
}

/** Retention in steps. Every row is looked at once for every group in the life of the process. */
export class Trimmer {
  readonly #groups: RetentionGroups
  readonly #topics: TopicTable
  readonly #scans: Scan[]
  readonly #trimmedTo: number[]
  readonly #horizons: Horizon[]
  readonly #select
  readonly #delete
  readonly #mark

  constructor(database: Database, groups: RetentionGroups, topics: TopicTable, horizons: readonly Horizon[]) {
    this.#groups = groups
    this.#topics = topics
    this.#horizons = [...horizons]
    this.#scans = horizons.map(() => ({ from: 0, oldest: undefined }))
    this.#trimmedTo = horizons.map(() => 0)
    this.#select = database.prepare<Row, [number, number]>(
      'SELECT offset, topic_id, bytes, received FROM events WHERE offset >= ? ORDER BY offset LIMIT ?',
    )
    this.#delete = database.prepare('DELETE FROM events WHERE offset BETWEEN ? AND ?')
    this.#mark = database.prepare('UPDATE groups SET horizon_offset = ?, horizon_received = ? WHERE rank = ?')
  }

  get horizons(): readonly Horizon[] {
    return [...this.#horizons]
  }

  get trimmedTo(): readonly number[] {
    return [...this.#trimmedTo]
  }

  /** The first group that is, or may be, above its limits. */
  due(now: number): number | undefined {
    const index = this.#groups.limits.findIndex((limits, group) => {
      const { events, bytes } = this.#topics.totals[group]!
      if (events === 0) return false
      const { oldest } = this.#scans[group]!
      return (
        events > limits.maxEvents || bytes > limits.maxBytes || oldest === undefined || oldest < now - limits.maxAgeMs
      )
    })
    return index < 0 ? undefined : index
  }

  /** Deletes a portion of what is above the limits of `group`. `stored`: events since the last step. */
  step(group: number, now: number, stored: number): Step {
    const limits = this.#groups.limits[group]!
    const budget = STEP_ROWS + 2 * stored
    // A copy: the totals change when the rows are deleted.
    const before = { ...this.#topics.totals[group]! }
    let { events, bytes } = before
    const rows = this.#select.all(this.#scans[group]!.from, budget)
    const changes = new TopicChanges()
    const scan: Scan = { from: this.#scans[group]!.from, oldest: undefined }
    let horizon: Horizon | undefined
    let run: [number, number] | undefined
    for (const row of rows) {
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
        this.#delete.run(...run)
        run = undefined
      }
      scan.from = row.offset + 1
    }
    if (run) this.#delete.run(...run)
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
    if (!horizon) return false
    this.#trimmedTo[group] = horizon.offset
    if (horizon.offset > this.#horizons[group]!.offset) this.#horizons[group] = horizon
    return true
  }
}
