import type { Database } from 'bun:sqlite'
import { rememberTime } from './books.ts'
import { isBusy, isFull } from './sqlite-error.ts'

/** With a commit, so that a crash forgets no more. */
const STORED_EVERY_MS = 60_000

/** What time it is for retention, as the main thread tells it: this thread has no clock of its own. */
export class RetentionTime {
  now = 0
  readonly #database: Database
  /** What of it is on the disk. */
  #stored: number

  constructor(database: Database, stored: number) {
    this.#database = database
    this.#stored = stored
  }

  /** Within a transaction. @returns to be called when that is committed */
  remember(): () => void {
    const { now } = this
    if (Math.abs(now - this.#stored) < STORED_EVERY_MS) return () => {}
    rememberTime(this.#database, now)
    return () => {
      this.#stored = now
    }
  }

  /** At the end, in a transaction of its own. */
  rememberLast(): void {
    if (this.now === 0 || this.now === this.#stored) return
    try {
      rememberTime(this.#database, this.now)
    } catch (error) {
      // The next run then believes its clock somewhat later.
      if (!isFull(error) && !isBusy(error)) throw error
    }
  }
}
