import { chmodSync, statSync } from 'node:fs'
import type { StoredOutlet, VerifiedCallback, WaitingDelivery } from '../../core/outlet-store.ts'
import { Connection } from '../sqlite/connection.ts'
import { checkHeader, type FileKind, makeFile } from '../sqlite/file-header.ts'
import type { OpenedOutlets } from './messages.ts'
import { APPLICATION_ID, FORMAT, SCHEMA } from './schema.ts'

export const OUTLET_STORE: FileKind = { applicationId: APPLICATION_ID, format: FORMAT, what: 'a webhook store' }

/** For another program's lock: a commit waits this long for it. */
const BUSY_TIMEOUT_MS = 5_000
const MAX_WAL_BYTES = 16 * 1024 * 1024
const OTHERS = 0o077

/**
 * The one connection, and what is in the file. What cannot be used is found before SQLite may write.
 * @throws HubError `log-corrupt`, `log-newer`, and errors of SQLite and the file system
 */
export function openDatabase(path: string): { database: Connection; opened: OpenedOutlets } {
  makeFile(path, OUTLET_STORE.what)
  const warnings = closeToOthers(path)
  const format = checkHeader(path, OUTLET_STORE)
  const content = format === undefined ? { outlets: [], verified: [] } : contentOf(path)
  const database = new Connection(path)
  try {
    database.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    database.run('PRAGMA journal_mode = WAL')
    database.run(`PRAGMA journal_size_limit = ${MAX_WAL_BYTES}`)
    // Definitions hold URLs and sealed secrets: what was removed is not to be found in free pages.
    database.run('PRAGMA secure_delete = ON')
    if (format === undefined) create(database)
  } catch (error) {
    database.close()
    throw error
  }
  return { database, opened: { ...content, warnings } }
}

/** SQLite gives -wal and -shm the mode of the file. */
function closeToOthers(path: string): string[] {
  if ((statSync(path).mode & OTHERS) === 0) return []
  chmodSync(path, 0o600)
  return [`${path} could be read by others and is now for its owner only; it holds the URLs of webhooks.`]
}

interface WaitingRow extends WaitingDelivery {
  outlet: number
}

/** Through a connection that cannot write. */
function contentOf(path: string): Pick<OpenedOutlets, 'outlets' | 'verified'> {
  const database = new Connection(path, { readonly: true })
  try {
    const waiting = new Map<number, WaitingDelivery[]>()
    const rows = database.query<WaitingRow, []>(
      `SELECT outlet, offset, attempts, first_at AS firstAt, due_at AS dueAt, cursor
       FROM waiting ORDER BY outlet, offset`,
    )
    for (const { outlet, ...delivery } of rows.iterate()) {
      const list = waiting.get(outlet)
      if (list) list.push(delivery)
      else waiting.set(outlet, [delivery])
    }
    const outlets = database
      .query<Omit<StoredOutlet, 'waiting'> & { number: number }, []>(
        `SELECT number, id, definition, text AS progress
         FROM outlets JOIN progress ON progress.outlet = outlets.number ORDER BY number`,
      )
      .all()
      .map(({ number, id, definition, progress }) => ({ id, definition, progress, waiting: waiting.get(number) ?? [] }))
    const verified = database.query<VerifiedCallback, []>('SELECT principal, url, at FROM verified').all()
    return { outlets, verified }
  } finally {
    database.close()
  }
}

function create(database: Connection): void {
  database.transaction(() => {
    database.run(SCHEMA)
    database.run(`PRAGMA application_id = ${APPLICATION_ID}`)
    database.run(`PRAGMA user_version = ${FORMAT}`)
  })()
  // The header that `checkHeader` reads is to be in the file itself.
  database.run('PRAGMA wal_checkpoint(TRUNCATE)')
}
