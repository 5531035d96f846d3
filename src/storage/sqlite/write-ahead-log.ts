import type { Database } from 'bun:sqlite'
import { HubError } from '../../core/errors.ts'
import { BUSY_TIMEOUT_MS } from './open-database.ts'
import { isBusy, isFull } from './sqlite-error.ts'

/** Together about a second: a longer one is another program's, and ends when it ends. */
const CHECKPOINT_TRIES = 20
const CHECKPOINT_PAUSE_MS = 50
/** Above the slice that our own reader takes (5 ms): publishing waits for it. */
const CHECKPOINT_WAIT_MS = 10

/** The write-ahead log of the connection that writes, where SQLite would leave in it what has to go. */
export class WriteAheadLog {
  readonly #database: Database
  #holdsErased = false
  #closed = false

  constructor(database: Database) {
    this.#database = database
  }

  /** Erased text is in older frames until they are cut off. */
  holdsErased(): void {
    this.#holdsErased = true
  }

  /** One try to get rid of erased text, if it may hold any. */
  tryToForget(): void {
    if (this.#holdsErased && !this.#closed) this.#tryEmpty()
  }

  /**
   * Resolves when it holds no erased text.
   * @throws HubError `overloaded`: another program reads the files
   */
  async forget(): Promise<void> {
    for (let attempt = 0; attempt < CHECKPOINT_TRIES; attempt++) {
      if (!this.#holdsErased || this.#closed || this.#tryEmpty()) return
      await Bun.sleep(CHECKPOINT_PAUSE_MS)
    }
    throw new HubError(
      'overloaded',
      'The events are erased, but their text is still in the write-ahead log; ask again.',
      { retryAfterMs: 1_000 },
    )
  }

  /** On a full disk: what it holds goes to pages the database file mostly has already. */
  makeRoom(): void {
    try {
      this.#tryEmpty()
    } catch (error) {
      if (!isFull(error)) throw error
    }
  }

  // On a full disk the pages stay in it, from where the next start reads them: nothing is lost by not moving them.
  close(): void {
    this.#closed = true
    try {
      this.#database.run('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch (error) {
      if (!isFull(error)) throw error
    }
  }

  // Waits but a moment, since commits wait for it: an outside reader may hold the WAL for as long as it likes.
  #tryEmpty(): boolean {
    this.#database.run(`PRAGMA busy_timeout = ${CHECKPOINT_WAIT_MS}`)
    try {
      const result = this.#database.query<{ busy: number }, []>('PRAGMA wal_checkpoint(TRUNCATE)').get()
      if (result?.busy !== 0) return false
      this.#holdsErased = false
      return true
    } catch (error) {
      if (isBusy(error)) return false
      throw error
    } finally {
      this.#database.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    }
  }
}
