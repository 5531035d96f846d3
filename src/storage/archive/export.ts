import { parseCursor } from '../../core/cursor.ts'
import { HubError } from '../../core/errors.ts'
import type { StoredEvent } from '../../core/event.ts'
import type { Filter } from '../../core/filter.ts'
import { parseFilter } from '../../core/filter.ts'
import { corrupt } from '../sqlite/file-header.ts'
import { EVENT_LOG } from '../sqlite/open-database.ts'
import { unpackEvents } from '../sqlite/packed-events.ts'
import { Reader } from '../sqlite/reader.ts'
import { isCorrupt } from '../sqlite/sqlite-error.ts'
import { logContents } from './contents.ts'
import { requireLog } from './offline.ts'

/** A time (milliseconds, of receipt) or a cursor. */
export type ExportEnd = { time: number } | { cursor: string }

export interface ExportOptions {
  /** The data directory, of a hub that runs or not. */
  directory: string
  filter: Filter
  /** After this cursor, or received at or after this time. */
  since: ExportEnd | undefined
  /** Up to this cursor, or received before this time. */
  until: ExportEnd | undefined
}

const PORTION = { events: 1_000, bytes: 1024 * 1024 }
const EVERYTHING = parseFilter([], [])

/**
 * Events in log order, in portions, up to the newest one there was at the start. Between portions the files are let go,
 * so that a slow reader never keeps the -wal file of a hub from shrinking: events do not change, and what retention or
 * an erase takes meanwhile is left out. @throws HubError `not-found`, `log-corrupt`, `log-newer`, `log-failed`
 */
export function* exportEvents({ directory, filter, since, until }: ExportOptions): Generator<StoredEvent[]> {
  const path = requireLog(directory)
  const { generations, head } = logContents(path)
  const reader = new Reader(path)
  const placeOf = (end: ExportEnd): number => {
    if ('time' in end) return reader.seek(end.time, head)
    const cursor = parseCursor(end.cursor)
    const offset = cursor && generations.resolve(cursor, head)
    if (offset === undefined) {
      throw new HubError(
        'not-found',
        `The log in ${directory} never issued the cursor ${JSON.stringify(end.cursor.slice(0, 128))}.`,
      )
    }
    return offset
  }
  try {
    const last = reader.readLast(head + 1, EVERYTHING, { events: 1, bytes: 1 })
    const newest = last.damaged ? head : last.position
    const upTo = Math.min(newest, until === undefined ? head : placeOf(until))
    let position = since === undefined ? 0 : placeOf(since)
    let whole = true
    while (position < upTo) {
      const page = reader.read(position, upTo, filter, PORTION)
      position = page.position
      if (page.lostUpTo > 0) whole = false
      if (page.events.count > 0) yield unpackEvents(page.events, generations)
    }
    if (!whole) {
      throw new HubError(
        'log-corrupt',
        `${path} is damaged, and events are missing from the export. What is whole was all printed: without -o it is kept.`,
      )
    }
  } catch (error) {
    // Nothing of who takes the events comes here: what they throw ends the generator.
    throw isCorrupt(error) ? corrupt(path, EVENT_LOG.what, error) : error
  } finally {
    reader.close()
  }
}
