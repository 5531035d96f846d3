import { HubError } from '../../core/errors.ts'

const MOST_WAITING = 4
const RETRY_MS = 1000

/** One thing after another for each key. */
export class TurnsByKey {
  readonly #last = new Map<string, { turn: Promise<unknown>; waiting: number }>()

  /** @throws HubError `rate-limited` when so many wait for their turn already */
  async run<T>(key: string, make: () => Promise<T>): Promise<T> {
    const line = this.#last.get(key) ?? { turn: Promise.resolve(), waiting: 0 }
    if (line.waiting >= MOST_WAITING) {
      const sentence = 'The same subscription is being made already; wait for its answer.'
      throw new HubError('rate-limited', sentence, { retryAfterMs: RETRY_MS })
    }
    line.waiting++
    const turn = line.turn.then(make)
    // What became of one is no matter to the next.
    line.turn = turn.catch(() => {})
    this.#last.set(key, line)
    try {
      return await turn
    } finally {
      if (--line.waiting === 0) this.#last.delete(key)
    }
  }
}
