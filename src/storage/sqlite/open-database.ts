import type { Database } from 'bun:sqlite'
import { chmodSync, existsSync } from 'node:fs'
import { Connection } from './connection.ts'
import { checkHeader, type FileKind, makeFile } from './file-header.ts'
import { APPLICATION_ID, FORMAT, migrations, PAGE_SIZE, SCHEMA } from './schema.ts'

/** A checkpoint every 16 MiB: smaller ones cost more in all, larger ones stall a commit for longer. */
const CHECKPOINT_PAGES = 2_000
const CACHE_KIB = 16 * 1024
const MAX_WAL_BYTES = 64 * 1024 * 1024
/** For another program's lock: a commit waits this long for it. */
export const BUSY_TIMEOUT_MS = 5_000

export const EVENT_LOG: FileKind = { applicationId: APPLICATION_ID, format: FORMAT, what: 'an event log' }

export interface OpenedDatabase {
  database: Database
  warnings: string[]
}

/**
 * The writer's connection. What cannot be used (damaged, of a newer program) is found before SQLite may write.
 * @throws HubError `log-corrupt`, `log-newer`
 */
export function openDatabase(path: string, durability: 'full' | 'normal'): OpenedDatabase {
  makeFile(path, EVENT_LOG.what)
  const format = checkHeader(path, EVENT_LOG)
  const warnings: string[] = []
  if (format !== undefined) checkContent(path)
  const database = new Connection(path)
  database.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
  database.run(`PRAGMA page_size = ${PAGE_SIZE}`)
  database.run('PRAGMA journal_mode = WAL')
  database.run(`PRAGMA synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}`)
  database.run(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
  database.run(`PRAGMA journal_size_limit = ${MAX_WAL_BYTES}`)
  database.run(`PRAGMA cache_size = -${CACHE_KIB}`)
  // Always: rebalancing leaves copies of kept events on freed pages, where a later erase could not reach them.
  database.run('PRAGMA secure_delete = ON')
  if (format === undefined) create(database)
  else if (format < FORMAT) warnings.push(migrate(database, path, format))
  return { database, warnings }
}

/**
 * Looks at what every run has to change, through a connection that cannot write. A whole check would read every page, and
 * the hub goes on beside older events that are damaged.
 */
function checkContent(path: string): void {
  const database = new Connection(path, { readonly: true })
  try {
    database.query('SELECT count(*) FROM sqlite_schema').get()
    database.query('SELECT * FROM events ORDER BY offset DESC LIMIT 1').get()
    database.query('SELECT count(*), max(id) FROM topics').get()
    database.query('SELECT count(*) FROM generations').get()
  } finally {
    database.close()
  }
}

function create(database: Database): void {
  database.transaction(() => {
    database.run(SCHEMA)
    database.run(`PRAGMA application_id = ${APPLICATION_ID}`)
    database.run(`PRAGMA user_version = ${FORMAT}`)
  })()
  // The header that `checkHeader` reads is to be in the file itself.
  database.run('PRAGMA wal_checkpoint(TRUNCATE)')
}

function migrate(database: Database, path: string, format: number): string {
  const backup = freeName(`${path}.v${format}.bak`)
  database.run('VACUUM INTO ?', [backup])
  chmodSync(backup, 0o600)
  database.transaction(() => {
    for (const migration of migrations.slice(format)) migration(database)
    database.run(`PRAGMA user_version = ${FORMAT}`)
  })()
  database.run('PRAGMA wal_checkpoint(TRUNCATE)')
  return `The event log was brought from format ${format} to ${FORMAT}; the old one is kept as ${backup}.`
}

function freeName(path: string): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? path : `${path}.${number}`
    if (!existsSync(name)) return name
  }
}
