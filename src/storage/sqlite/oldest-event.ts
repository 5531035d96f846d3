import type { Database } from 'bun:sqlite'
import type { Oldest } from '../store.ts'
import { wholeFrom } from './damage.ts'
import { isCorrupt } from './sqlite-error.ts'

/**
 * The oldest event that can be read. Damaged pages are stepped over, once; to be asked outside of a transaction, as one in
 * which a damaged page was read cannot be committed.
 */
export class OldestEvent {
  readonly #select
  #from = 0

  constructor(database: Database) {
    this.#select = database.prepare<Oldest, [number]>(
      'SELECT offset, received FROM events WHERE offset >= ? ORDER BY offset LIMIT 1',
    )
  }

  /** @param head nothing is above it */
  find(head: number): Oldest | undefined {
    const found = this.#firstFrom(this.#from)
    if (found !== 'damaged') return found
    this.#from = wholeFrom(this.#from, head + 1, (offset) => this.#firstFrom(offset) !== 'damaged')
    const behind = this.#firstFrom(this.#from)
    return behind === 'damaged' ? undefined : behind
  }

  #firstFrom(offset: number): Oldest | undefined | 'damaged' {
    try {
      return this.#select.get(offset) ?? undefined
    } catch (error) {
      if (isCorrupt(error)) return 'damaged'
      throw error
    }
  }
}
