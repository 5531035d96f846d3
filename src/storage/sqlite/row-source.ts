import type { Database, Statement } from 'bun:sqlite'
import { type Filter, filterType } from '../../core/filter.ts'
import { type Direction, ROW_COLUMNS, type Row, rangeSql } from './row.ts'
import { ImpossibleRow } from './sqlite-error.ts'
import type { Verdicts } from './topic-names.ts'

/** Rows that match by topic (not yet by type), in order. */
export interface Portion {
  rows: Row[]
  /** Everything up to here has been looked at. */
  position: number
  /** Nothing is left in the range. */
  end: boolean
}

/** `from` and `to` as in `rangeSql`; at most `count` rows. */
export type RowSource = (from: number, to: number, count: number) => Portion

/** Rows skimmed at a time: about 0.5 ms. */
const SKIM_ROWS = 2_048
/** Offsets looked through for types at a time: about 2 ms. A limit alone bounds what is found, not what is looked at. */
const TYPES_WINDOW = 8_192

type Range = [from: number, to: number, count: number]
type TopicRange = [topicId: number, ...Range]

/** The statements of one direction, and the ways to walk the log with them. */
export class RowSources {
  readonly #direction: Direction
  readonly #range: Statement<unknown, Range>
  readonly #topic: Statement<unknown, TopicRange>
  readonly #topicOffsets: Statement<unknown, TopicRange>
  readonly #skim: Statement<unknown, Range>
  readonly #skimTypes: Statement<unknown, Range>
  readonly #ofTypes: Statement<unknown, [from: number, to: number, types: string, count: number]>
  readonly #these: Statement<unknown, [string]>
  readonly #last: Statement<{ offset: number | null }, Range>

  constructor(database: Database, direction: Direction) {
    this.#direction = direction
    const range = rangeSql(direction)
    this.#range = database.prepare(`SELECT ${ROW_COLUMNS} FROM events WHERE ${range}`)
    this.#topic = database.prepare(`SELECT ${ROW_COLUMNS} FROM events WHERE topic_id = ? AND ${range}`)
    this.#topicOffsets = database.prepare(`SELECT offset FROM events WHERE topic_id = ? AND ${range}`)
    this.#skim = database.prepare(`SELECT offset, topic_id FROM events WHERE ${range}`)
    this.#skimTypes = database.prepare(`SELECT offset, topic_id, type FROM events WHERE ${range}`)
    const typed = rangeSql(direction, 'AND type IN (SELECT value FROM json_each(?))')
    this.#ofTypes = database.prepare(`SELECT offset, topic_id FROM events WHERE ${typed}`)
    const back = `SELECT offset FROM events WHERE ${direction === 'up' ? 'offset >= ?1 + 1 AND offset <= ?2' : 'offset <= ?1 - 1 AND offset > ?2'}`
    this.#last = database.prepare(`${back} ORDER BY offset ${direction === 'up' ? 'DESC' : 'ASC'} LIMIT ?3`)
    this.#these = database.prepare(
      `SELECT ${ROW_COLUMNS} FROM events WHERE offset IN (SELECT value FROM json_each(?))
       ORDER BY offset ${direction === 'up' ? 'ASC' : 'DESC'}`,
    )
  }

  /** Everything there is. */
  all(): RowSource {
    return (from, to, count) => this.#whole(from, to, count)
  }

  /** Everything, and what does not match left out: looks at no index, and no further than at what it gives. */
  plain(verdicts: Verdicts): RowSource {
    return this.#dense(verdicts)
  }

  /** Looks into the topic index for the next offset of each, and nowhere else. */
  lookUp(ids: readonly number[], from: number, to: number): void {
    for (const id of ids) this.#topicOffsets.values(id, from, to, 1)
  }

  /** By the topic index. */
  topics(ids: readonly number[]): RowSource {
    if (ids.length === 0) return (from) => ({ rows: [], position: from, end: true })
    if (ids.length > 1) return this.#merged(ids)
    return (from, to, count) => portion(this.#topic.values(ids[0]!, from, to, count) as Row[], from, count)
  }

  /** By scanning: whole rows where most match, else skimming topics and types first. */
  scan(verdicts: Verdicts, filter: Filter): RowSource {
    const { types } = filter
    if (types.length > 0 && !types.some((type) => type.prefix)) return this.#typed(verdicts, types)
    return verdicts.density > 0.3 ? this.#dense(verdicts) : this.#sparse(verdicts, filter)
  }

  /** Exact types are sorted out by SQLite: what does not match never becomes a value here. */
  #typed(verdicts: Verdicts, types: Filter['types']): RowSource {
    const names = JSON.stringify(types.map((type) => type.text))
    const up = this.#direction === 'up'
    return (from, to, count) => {
      const edge = up ? Math.min(to, from + TYPES_WINDOW) : Math.max(to, from - TYPES_WINDOW)
      // Going down, the place that was looked at is part of what was looked at, the edge is not.
      const found = this.#ofTypes.values(from, edge, names, count) as [offset: number, topicId: number][]
      const offsets = found.flatMap(([offset, topicId]) => (verdicts.matches(topicId) ? [offset] : []))
      const whole = found.length < count
      return {
        rows: this.#fetch(offsets),
        position: whole ? (up ? edge : edge + 1) : found.at(-1)![0],
        end: whole && edge === to,
      }
    }
  }

  #dense(verdicts: Verdicts): RowSource {
    return (from, to, count) => {
      const looked = this.#whole(from, to, count)
      const rows = looked.rows.filter((row) => verdicts.matches(row[1]))
      if (looked.rows.length > 0) verdicts.density = rows.length / looked.rows.length
      return { ...looked, rows }
    }
  }

  #sparse(verdicts: Verdicts, filter: Filter): RowSource {
    const byType = filter.types.length > 0
    const skim = byType ? this.#skimTypes : this.#skim
    return (from, to, count) => {
      const looked = skim.values(from, to, SKIM_ROWS) as [offset: number, topicId: number, type: string][]
      if (looked.length < SKIM_ROWS) this.#requireEnd(looked.at(-1)?.[0], from, to)
      const offsets: number[] = []
      let seen = 0
      for (const [offset, topicId, type] of looked) {
        seen++
        if (!verdicts.matches(topicId) || (byType && !filterType(filter, type))) continue
        offsets.push(offset)
        if (offsets.length === count) break
      }
      if (seen > 0) verdicts.density = offsets.length / seen
      return {
        rows: this.#fetch(offsets),
        position: looked[seen - 1]?.[0] ?? from,
        end: seen === looked.length && looked.length < SKIM_ROWS,
      }
    }
  }

  /** Merges the topics' offsets, which the index has without touching the events. */
  #merged(ids: readonly number[]): RowSource {
    const up = this.#direction === 'up'
    return (from, to, count) => {
      const lists = ids.map((id) =>
        (this.#topicOffsets.values(id, from, to, count) as [number][]).map(([offset]) => offset),
      )
      const offsets = lists.flat().sort((a, b) => (up ? a - b : b - a))
      return portion(this.#fetch(offsets.slice(0, count)), from, count)
    }
  }

  #whole(from: number, to: number, count: number): Portion {
    const looked = portion(this.#range.values(from, to, count) as Row[], from, count)
    if (looked.end) this.#requireEnd(looked.rows.at(-1)?.[0], from, to)
    return looked
  }

  /** A flipped byte that makes an offset of the middle a great one ends a walk there, and what is behind would be missing. */
  #requireEnd(found: number | undefined, from: number, to: number): void {
    if (found === to || from === to) return
    const last = this.#last.get(from, to, 1)?.offset
    if (last !== undefined && last !== found) throw new ImpossibleRow(`no end at ${found}`)
  }

  #fetch(offsets: readonly number[]): Row[] {
    return offsets.length === 0 ? [] : (this.#these.values(JSON.stringify(offsets)) as Row[])
  }
}

function portion(rows: Row[], from: number, count: number): Portion {
  return { rows, position: rows.at(-1)?.[0] ?? from, end: rows.length < count }
}
