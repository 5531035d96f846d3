import type { Database } from 'bun:sqlite'

/** Transactions of the connection that writes. */
export class Transactions {
  readonly #database: Database
  readonly #begin
  readonly #commit
  readonly #undone: () => void

  /** @param undone what was changed in memory on the way is to be read again */
  constructor(database: Database, undone: () => void) {
    this.#database = database
    this.#begin = database.prepare('BEGIN IMMEDIATE')
    this.#commit = database.prepare('COMMIT')
    this.#undone = undone
  }

  /** All of `work` or nothing of it, durable as the connection is set to. */
  run<T>(work: () => T): T {
    return this.runAndCommit((commit) => {
      const result = work()
      commit()
      return result
    })
  }

  /** The same where `work` calls `commit` itself, since only then is true what it goes on to say. */
  runAndCommit<T>(work: (commit: () => void) => T): T {
    try {
      this.#begin.run()
      return work(() => this.#commit.run())
    } catch (error) {
      // SQLite rolls some failures back by itself.
      if (this.#database.inTransaction) this.#database.run('ROLLBACK')
      this.#undone()
      throw error
    }
  }
}
