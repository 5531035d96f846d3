import { Database } from 'bun:sqlite'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HubError } from '../../core/errors.ts'
import { isBusy } from './sqlite-error.ts'

/**
 * One process a directory. The lock is SQLite's own on an empty database of its own: an advisory lock of the operating
 * system, so it goes with the process however that ends, and no stale file can block a start.
 * @throws HubError `log-locked`
 */
export function lockDirectory(directory: string): () => void {
  const path = join(directory, 'lock')
  const holder = join(directory, 'lock.pid')
  closeSync(openSync(path, 'a', 0o600))
  const database = new Database(path)
  try {
    database.run('PRAGMA busy_timeout = 0')
    // In memory: no journal file beside the lock.
    database.run('PRAGMA journal_mode = MEMORY')
    database.run('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (isBusy(error)) throw locked(directory, holder)
    throw error
  }
  writeFileSync(holder, `${process.pid}\n`, { mode: 0o600 })
  return () => database.close()
}

function locked(directory: string, holder: string): HubError {
  let process = 'another process'
  try {
    process = `process ${readFileSync(holder, 'utf8').trim()}`
  } catch {
    // It has the lock and has not written its number yet; the sentence does without.
  }
  return new HubError(
    'log-locked',
    `The data directory ${directory} is in use by ${process}; stop it, or set DATA_DIR to another directory.`,
  )
}
