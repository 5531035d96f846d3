import { HubError } from '../core/errors.ts'
import type { Draft } from '../core/event.ts'
import type { Pressure, Receipt } from '../core/event-log.ts'

/** One `append` that waits for its commit. */
export interface Request {
  readonly drafts: readonly Draft[]
  readonly bytes: number
  answer(receipts: Receipt[]): void
  refuse(error: unknown): void
}

/** Above one of these a transaction takes no further request; a request that is larger goes alone. */
export const MAX_GROUP_EVENTS = 1_000
export const MAX_GROUP_BYTES = 8 * 1024 * 1024

/** Long enough for the queue to have moved (32 MiB at a slow disk's 50 MB/s), short enough to be retried by a person. */
const RETRY_AFTER_MS = 1_000

/**
 * Group commit: what was accepted while the last commit ran goes into the next one, in order. A commit is on its way at
 * a time, and a second one only when it is full, since waiting would add nothing to it and the threads work side by side.
 */
export class GroupCommit {
  readonly #limit: Pressure
  readonly #commit: (requests: readonly Request[]) => Promise<void>
  #waiting: Request[] = []
  #running = 0
  #scheduled = false
  #events = 0
  #bytes = 0
  #idle: (() => void)[] = []

  /** `commit` answers or refuses every request it is given; it resolves when the next group may go, and never rejects. */
  constructor(limit: Pressure, commit: (requests: readonly Request[]) => Promise<void>) {
    this.#limit = limit
    this.#commit = commit
  }

  get pressure(): Pressure {
    return { events: this.#events, bytes: this.#bytes }
  }

  append(drafts: readonly Draft[]): Promise<Receipt[]> {
    let bytes = 0
    for (const draft of drafts) bytes += draft.bytes
    if (this.#events + drafts.length > this.#limit.events || this.#bytes + bytes > this.#limit.bytes) {
      const message = 'More is being published than the disk takes; publish again in a moment, or more slowly.'
      return Promise.reject(new HubError('overloaded', message, { retryAfterMs: RETRY_AFTER_MS }))
    }
    this.#events += drafts.length
    this.#bytes += bytes
    return new Promise((resolve, reject) => {
      const settle = () => {
        this.#events -= drafts.length
        this.#bytes -= bytes
        if (this.#events === 0) this.#wakeIdle()
      }
      this.#waiting.push({
        drafts,
        bytes,
        answer: (receipts) => {
          settle()
          resolve(receipts)
        },
        refuse: (error) => {
          settle()
          reject(error)
        },
      })
      this.#schedule()
    })
  }

  /** Resolves when everything accepted has been answered. */
  idle(): Promise<void> {
    return this.#events === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve))
  }

  /** Refuses what waits and is not on its way. */
  refuseWaiting(error: HubError): void {
    for (const request of this.#waiting.splice(0)) request.refuse(error)
  }

  #wakeIdle(): void {
    for (const wake of this.#idle.splice(0)) wake()
  }

  // Requests that the event loop hands over in the same turn belong together, hence not at once.
  #schedule(): void {
    if (this.#scheduled || this.#running > 1) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#send()
    })
  }

  #send(): void {
    while (this.#waiting.length > 0) {
      const [count, full] = this.#nextGroup()
      if (this.#running > (full ? 1 : 0)) return
      this.#running++
      void this.#commit(this.#waiting.splice(0, count)).then(() => {
        this.#running--
        this.#send()
      })
    }
  }

  #nextGroup(): [count: number, full: boolean] {
    let count = 0
    let events = 0
    let bytes = 0
    for (const request of this.#waiting) {
      if (count > 0 && (events + request.drafts.length > MAX_GROUP_EVENTS || bytes + request.bytes > MAX_GROUP_BYTES)) {
        return [count, true]
      }
      count++
      events += request.drafts.length
      bytes += request.bytes
    }
    return [count, events >= MAX_GROUP_EVENTS || bytes >= MAX_GROUP_BYTES]
  }
}
