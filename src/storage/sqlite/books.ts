import type { Database } from 'bun:sqlite'
import type { Generation } from '../../core/cursor.ts'
import type { Horizon } from '../../core/event-log.ts'
import { newEpoch } from '../epoch.ts'
import type { RetentionGroups } from '../retention.ts'
import type { Opened } from '../store.ts'
import { OldestEvent } from './oldest-event.ts'

/** Of no format: who does not know it goes by the receipt of the newest event. */
const RETENTION_TIME =
  'CREATE TABLE IF NOT EXISTS retention_time (one INTEGER PRIMARY KEY, time INTEGER NOT NULL) STRICT'

/** Generations that lie wholly below the oldest event: they only tell an old cursor "expired" from "unknown". */
const OLD_GENERATIONS = 4_096

export interface Books extends Omit<Opened, 'kept'> {
  generations: Generation[]
  /** A generation was made just now: it serves for this process run. */
  begun: boolean
}

/**
 * What a log knows beside its events, brought up to date for this run.
 *
 * Every process run that stores something begins a generation of its own. Cursors of old generations stay good inside
 * them, so this costs readers nothing; and it makes an older state of the files that is put back (a copy, a snapshot, a
 * power cut that took unsynced commits) answer "unknown" to cursors it never issued, however that came about.
 */
export function openBooks(database: Database, groups: RetentionGroups): Books {
  const newest = database.query<{ offset: number; received: number }, []>('SELECT offset, received FROM newest').get()!
  const last = database
    .query<{ offset: number; received: number }, []>('SELECT offset, received FROM events ORDER BY offset DESC LIMIT 1')
    .get()
  const head = Math.max(newest.offset, last?.offset ?? 0)
  const oldest = new OldestEvent(database).find(head)
  return database.transaction(() => {
    const begun = beginFirst(database, head)
    database.run(RETENTION_TIME)
    forgetOldGenerations(database, oldest?.offset ?? head + 1)
    return {
      head,
      oldest,
      received: Math.max(newest.received, last?.received ?? 0),
      time: database.query<{ time: number }, []>('SELECT time FROM retention_time').get()?.time ?? 0,
      horizons: openHorizons(database, groups),
      generations: database
        .query<Generation, []>('SELECT epoch, first_offset AS firstOffset FROM generations ORDER BY rowid')
        .all(),
      begun,
    }
  })()
}

/** Once the newest event may be gone, the events no longer tell which offsets have been used. */
export function rememberNewest(database: Database, offset: number, received: number): void {
  database.query('UPDATE newest SET offset = max(offset, ?), received = max(received, ?)').run(offset, received)
}

/** What time it is for retention, so that the next run knows how much later its clock is. */
export function rememberTime(database: Database, time: number): void {
  database
    .query('INSERT INTO retention_time VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET time = excluded.time')
    .run(Math.floor(time))
}

function beginFirst(database: Database, head: number): boolean {
  const { changes } = database
    .query('INSERT INTO generations (first_offset, epoch) SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM generations)')
    .run(head + 1, newEpoch())
  return changes > 0
}

function forgetOldGenerations(database: Database, oldest: number): void {
  database
    .query(
      `DELETE FROM generations WHERE rowid IN (
         SELECT rowid FROM generations WHERE first_offset < ? ORDER BY rowid DESC LIMIT -1 OFFSET ?)`,
    )
    .run(oldest, OLD_GENERATIONS)
}

function openHorizons(database: Database, groups: RetentionGroups): Horizon[] {
  const stored = database
    .query<{ pattern: string; offset: number; received: number }, []>(
      'SELECT pattern, horizon_offset AS offset, horizon_received AS received FROM groups ORDER BY rank',
    )
    .all()
    .map(({ pattern, offset, received }) => ({ pattern, horizon: { offset, received } }))
  const horizons = groups.carry(stored)
  database.run('DELETE FROM groups')
  const insert = database.query('INSERT INTO groups VALUES (?, ?, ?, ?)')
  for (const [rank, { pattern, horizon }] of groups.store(horizons).entries()) {
    insert.run(rank, pattern, horizon.offset, horizon.received)
  }
  return horizons
}
