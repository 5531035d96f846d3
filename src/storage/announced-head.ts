import type { HubError } from '../core/errors.ts'

interface Waiter {
  offset: number
  resolve(): void
  reject(error: HubError): void
}

/**
 * The newest offset that the feed has told of, and who waits for a later one: a reader of the store can be a moment ahead
 * of the feed, and nobody may learn of an event before the feed has told of it.
 */
export class AnnouncedHead {
  #offset: number
  #waiting: Waiter[] = []
  #failure: HubError | undefined

  constructor(offset: number) {
    this.#offset = offset
  }

  get offset(): number {
    return this.#offset
  }

  /** Counts at once. @returns wakes who waits: for when the feed has told */
  advance(offset: number): () => void {
    this.#offset = offset
    return () => {
      if (this.#waiting.length === 0) return
      const due = this.#waiting.filter((waiter) => waiter.offset <= offset)
      this.#waiting = this.#waiting.filter((waiter) => waiter.offset > offset)
      for (const waiter of due) waiter.resolve()
    }
  }

  /** @throws HubError `log-failed`: there will be no further offset */
  until(offset: number): Promise<void> | undefined {
    if (offset <= this.#offset) return undefined
    if (this.#failure) throw this.#failure
    return new Promise((resolve, reject) => this.#waiting.push({ offset, resolve, reject }))
  }

  fail(error: HubError): void {
    this.#failure = error
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error)
  }
}
