import type { Database } from 'bun:sqlite'
import { chmodSync, closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { HubError } from '../../core/errors.ts'
import { Connection } from './connection.ts'
import { APPLICATION_ID, FORMAT, migrations, PAGE_SIZE, SCHEMA } from './schema.ts'

/** A checkpoint every 16 MiB: smaller ones cost more in all, larger ones stall a commit for longer. */
const CHECKPOINT_PAGES = 2_000
const CACHE_KIB = 16 * 1024
const MAX_WAL_BYTES = 64 * 1024 * 1024
const HEADER_BYTES = 100
/** For another program's lock: a commit waits this long for it. */
export const BUSY_TIMEOUT_MS = 5_000

export interface OpenedDatabase {
  database: Database
  warnings: string[]
}

/**
 * The writer's connection. What cannot be used (damaged, of a newer program) is found before SQLite may write.
 * @throws HubError `log-corrupt`, `log-newer`
 */
export function openDatabase(path: string, durability: 'full' | 'normal'): OpenedDatabase {
  closeSync(openSync(path, 'a', 0o600))
  const format = checkHeader(path)
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

/** @returns the format, or `undefined` for a file that is still empty. */
function checkHeader(path: string): number | undefined {
  const size = statSync(path).size
  const wal = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0
  if (size === 0 && wal === 0) return undefined
  const header = Buffer.alloc(HEADER_BYTES)
  const file = openSync(path, 'r')
  try {
    readSync(file, header, 0, HEADER_BYTES, 0)
  } finally {
    closeSync(file)
  }
  // A crash before the first checkpoint leaves everything in the WAL: then SQLite has to judge.
  if (size === 0) return FORMAT
  // Layout: https://www.sqlite.org/fileformat.html, 1.3
  if (header.toString('latin1', 0, 16) !== 'SQLite format 3\0') throw corrupt(path)
  if (header.readUInt32BE(68) !== APPLICATION_ID) throw corrupt(path)
  const format = header.readUInt32BE(60)
  if (format > FORMAT) {
    throw new HubError(
      'log-newer',
      `${path} has format ${format}, this program knows formats up to ${FORMAT}; start the newer mcp-sse that wrote it.`,
    )
  }
  // While a WAL is there the file may lack pages that it holds.
  const pageSize = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16)
  if (wal === 0 && size < header.readUInt32BE(28) * pageSize) throw corrupt(path)
  return format
}

/** Looks at both ends of everything through a connection that cannot write. A whole check would read every page. */
function checkContent(path: string): void {
  const database = new Connection(path, { readonly: true })
  try {
    database.query('SELECT count(*) FROM sqlite_schema').get()
    database.query('SELECT * FROM events ORDER BY offset LIMIT 1').get()
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

export function corrupt(path: string, cause?: unknown): HubError {
  return new HubError(
    'log-corrupt',
    `${path} is damaged or not an event log of mcp-sse, and was left as it is; restore a backup of it, or move it away.`,
    { cause },
  )
}
