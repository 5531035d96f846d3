import { Database } from 'bun:sqlite'
import { closeSync, existsSync, openSync } from 'node:fs'
import { isBusy } from './sqlite/sqlite-error.ts'

/**
 * Holds the file `path`, made empty if absent, until the function it returns is called; `undefined` while another process
 * holds it. The lock is SQLite's own on an empty database: an advisory lock of the operating system, which goes with the
 * process however that ends, counts in every container that shares the file, and writes nothing. The file stays: removed,
 * it could be held twice under one name.
 * @throws what SQLite or the system says when the file cannot be made, or is no empty file
 */
export function lockFile(path: string): (() => void) | undefined {
  // Not when it is there: closing any descriptor of a file gives up all locks of the process on it (fcntl(2)).
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600))
  const database = new Database(path)
  try {
    database.run('PRAGMA busy_timeout = 0')
    // In memory: no journal file beside the lock.
    database.run('PRAGMA journal_mode = MEMORY')
    database.run('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (isBusy(error)) return undefined
    throw error
  }
  return () => database.close()
}
