import type { ReadLimit } from '../../core/event-log.ts'
import { type Filter, filterType } from '../../core/filter.ts'
import { isRow, type Row } from './row.ts'
import type { Portion, RowSource } from './row-source.ts'
import { ImpossibleRow, isCorrupt } from './sqlite-error.ts'
import type { TopicNames } from './topic-names.ts'

/** Longest work for one read before another reader has its turn, milliseconds. */
const SLICE_MS = 5
/** The first portion, before the size of the events is known: 4 MiB at worst. */
const FIRST_PORTION = 16
const LARGEST_PORTION = 512

export interface Walk {
  source: RowSource
  names: TopicNames
  /** As in `rangeSql`. */
  from: number
  to: number
  filter: Filter
  limit: ReadLimit
}

export interface Walked {
  rows: Row[]
  /** The last offset that was looked at; `to` when nothing is left. */
  position: number
}

/**
 * Goes through `source` until `to`, the limit, the end of the slice or a damaged page. The rows have a topic and a place
 * behind the one before: a flipped byte is not always one that SQLite refuses.
 * @throws an error that `isCorrupt` when the damage is what comes first
 */
export function walk({ source, names, from, to, filter, limit }: Walk): Walked {
  const taken: Row[] = []
  const deadline = performance.now() + SLICE_MS
  const up = from <= to
  let position = from
  let bytes = 0
  let looked = 0
  let lookedBytes = 0
  const beforeDamage = (damage: Error): Walked => {
    if (position === from) throw damage
    return { rows: taken, position }
  }
  do {
    const room = looked === 0 ? FIRST_PORTION : Math.ceil(((limit.bytes - bytes) * looked) / Math.max(lookedBytes, 1))
    const count = Math.max(
      1,
      Math.min(room, LARGEST_PORTION, filter.types.length > 0 ? room : limit.events - taken.length),
    )
    const portion = wholePortion(source, position, to, count)
    if (portion instanceof Error) return beforeDamage(portion)
    for (const row of portion.rows) {
      const behind = up ? row[0] > position : row[0] < position
      const flaw = behind ? flawOf(row, names) : new ImpossibleRow('rows out of order')
      if (flaw) return beforeDamage(flaw)
      position = row[0]
      looked++
      lookedBytes += row[3]
      if (!filterType(filter, row[5])) continue
      taken.push(row)
      bytes += row[3]
      if (taken.length >= limit.events || bytes >= limit.bytes) return { rows: taken, position }
    }
    if (portion.end) return { rows: taken, position: to }
    position = portion.position
  } while (performance.now() < deadline)
  return { rows: taken, position }
}

/** As much of `count` rows as is whole: of a portion that touches a damaged page a half of it. @returns the error without a row */
function wholePortion(source: RowSource, position: number, to: number, count: number): Portion | Error {
  try {
    return source(position, to, count)
  } catch (error) {
    if (!isCorrupt(error)) throw error
    return count > 1 ? wholePortion(source, position, to, count >> 1) : error
  }
}

function flawOf(row: Row, names: TopicNames): Error | undefined {
  if (!isRow(row)) return new ImpossibleRow('a value of another kind')
  try {
    names.nameOf(row[1])
    return undefined
  } catch (error) {
    if (!isCorrupt(error)) throw error
    return error
  }
}
