import { SQLiteError } from 'bun:sqlite'
import type { ReadLimit } from '../../core/event-log.ts'
import { type Filter, filterType } from '../../core/filter.ts'
import type { Row } from './row.ts'
import type { Portion, RowSource } from './row-source.ts'
import { isCorrupt } from './sqlite-error.ts'

/** Longest work for one read before another reader has its turn, milliseconds. */
const SLICE_MS = 5
/** The first portion, before the size of the events is known: 4 MiB at worst. */
const FIRST_PORTION = 16
const LARGEST_PORTION = 512

export interface Walked {
  rows: Row[]
  /** The last offset that was looked at; `to` when nothing is left. */
  position: number
}

/**
 * Goes through `source` from `start` until `to`, the limit, the end of the slice or a damaged page.
 * @throws SQLiteError when the damage is what comes first
 */
export function walk(source: RowSource, start: number, to: number, filter: Filter, limit: ReadLimit): Walked {
  const taken: Row[] = []
  const deadline = performance.now() + SLICE_MS
  let position = start
  let bytes = 0
  let looked = 0
  let lookedBytes = 0
  do {
    const room = looked === 0 ? FIRST_PORTION : Math.ceil(((limit.bytes - bytes) * looked) / Math.max(lookedBytes, 1))
    const count = Math.max(
      1,
      Math.min(room, LARGEST_PORTION, filter.types.length > 0 ? room : limit.events - taken.length),
    )
    const portion = wholePortion(source, position, to, count)
    if (portion instanceof SQLiteError) {
      if (position === start) throw portion
      return { rows: taken, position }
    }
    for (const row of portion.rows) {
      looked++
      lookedBytes += row[3]
      if (!filterType(filter, row[5])) continue
      taken.push(row)
      bytes += row[3]
      if (taken.length >= limit.events || bytes >= limit.bytes) return { rows: taken, position: row[0] }
    }
    if (portion.end) return { rows: taken, position: to }
    position = portion.position
  } while (performance.now() < deadline)
  return { rows: taken, position }
}

/** As much of `count` rows as is whole: of a portion that touches a damaged page its first row. @returns the error without one */
function wholePortion(source: RowSource, position: number, to: number, count: number): Portion | SQLiteError {
  try {
    return source(position, to, count)
  } catch (error) {
    if (!isCorrupt(error)) throw error
    return count > 1 ? wholePortion(source, position, to, 1) : error
  }
}
