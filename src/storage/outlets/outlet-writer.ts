import { join } from 'node:path'
import type { OutletChange, StoredOutlet, VerifiedCallback } from '../../core/outlet-store.ts'
import type { Connection } from '../sqlite/connection.ts'
import { prepareDirectory } from '../sqlite/directory.ts'
import { isFull } from '../sqlite/sqlite-error.ts'
import { type OpenedOutlets, OUTLETS_FILE, type OutletCalls, type OutletStep } from './messages.ts'
import { openDatabase } from './open-database.ts'

/** The one connection, and everything that happens on it. Lives in the worker. */
export class OutletWriter {
  readonly opened: OpenedOutlets
  readonly #database: Connection
  readonly #numberOf
  readonly #put
  readonly #putProgress
  readonly #setProgress
  readonly #remove
  readonly #removeProgress
  readonly #removeWaiting
  readonly #wait
  readonly #settle
  readonly #verify
  readonly #forget
  #synchronous = ''

  /** The directory is locked by whoever has the event log in it. */
  constructor(directory: string) {
    prepareDirectory(directory)
    const { database, opened } = openDatabase(join(directory, OUTLETS_FILE))
    this.opened = opened
    this.#database = database
    this.#numberOf = database.prepare<{ number: number }, [string]>('SELECT number FROM outlets WHERE id = ?')
    this.#put = database.prepare<{ number: number }, [string, string]>(
      `INSERT INTO outlets (id, definition) VALUES (?, ?)
       ON CONFLICT (id) DO UPDATE SET definition = excluded.definition RETURNING number`,
    )
    this.#putProgress = database.prepare('INSERT OR REPLACE INTO progress (outlet, text) VALUES (?, ?)')
    this.#setProgress = database.prepare('UPDATE progress SET text = ? WHERE outlet = ?')
    this.#remove = database.prepare('DELETE FROM outlets WHERE number = ?')
    this.#removeProgress = database.prepare('DELETE FROM progress WHERE outlet = ?')
    this.#removeWaiting = database.prepare('DELETE FROM waiting WHERE outlet = ?')
    this.#wait = database.prepare(
      'INSERT OR REPLACE INTO waiting (outlet, offset, attempts, first_at, due_at, cursor) VALUES (?, ?, ?, ?, ?, ?)',
    )
    this.#settle = database.prepare('DELETE FROM waiting WHERE outlet = ? AND offset = ?')
    this.#verify = database.prepare('INSERT OR REPLACE INTO verified (principal, url, at) VALUES (?, ?, ?)')
    this.#forget = database.prepare('DELETE FROM verified WHERE principal = ? AND url = ?')
  }

  /** All of it or, when it throws, nothing. */
  commit({ steps, sync }: OutletCalls['commit']['ask']): null {
    this.#synchronize(sync ? 'FULL' : 'NORMAL')
    try {
      this.#database.run('BEGIN IMMEDIATE')
      for (const step of steps) this.#take(step)
      this.#database.run('COMMIT')
      return null
    } catch (error) {
      // SQLite rolls some failures back by itself.
      if (this.#database.inTransaction) this.#database.run('ROLLBACK')
      throw error
    }
  }

  close(): null {
    try {
      this.#database.run('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch (error) {
      // The pages stay in the WAL, from where the next start reads them.
      if (!isFull(error)) throw error
    } finally {
      this.#database.close()
    }
    return null
  }

  // Cannot be changed inside a transaction.
  #synchronize(level: 'FULL' | 'NORMAL'): void {
    if (this.#synchronous === level) return
    this.#database.run(`PRAGMA synchronous = ${level}`)
    this.#synchronous = level
  }

  #take(step: OutletStep): void {
    if ('put' in step) this.#takePut(step.put)
    else if ('remove' in step) for (const id of step.remove) this.#takeRemove(id)
    else if ('record' in step) for (const change of step.record) this.#takeChange(change)
    else if ('verify' in step) this.#takeVerified(step.verify)
    else for (const { principal, url } of step.forgetVerified) this.#forget.run(principal, url)
  }

  #takePut({ id, definition, progress }: Omit<StoredOutlet, 'waiting'>): void {
    const { number } = this.#put.get(id, definition)!
    this.#putProgress.run(number, progress)
  }

  #takeRemove(id: string): void {
    const number = this.#numberOf.get(id)?.number
    if (number === undefined) return
    this.#removeWaiting.run(number)
    this.#removeProgress.run(number)
    this.#remove.run(number)
  }

  #takeChange({ id, progress, waiting, settled }: OutletChange): void {
    const number = this.#numberOf.get(id)?.number
    if (number === undefined) return
    this.#setProgress.run(progress, number)
    for (const { offset, attempts, firstAt, dueAt, cursor } of waiting) {
      this.#wait.run(number, offset, attempts, firstAt, dueAt, cursor)
    }
    for (const offset of settled) this.#settle.run(number, offset)
  }

  #takeVerified({ principal, url, at }: VerifiedCallback): void {
    this.#verify.run(principal, url, at)
  }
}
