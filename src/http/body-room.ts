import { HubError } from '../core/errors.ts'

/** Memory for all request bodies that are being read at one time, in bytes. */
export class BodyRoom {
  readonly #most: number
  #held = 0

  constructor(mostBytes: number) {
    this.#most = mostBytes
  }

  get held(): number {
    return this.#held
  }

  /** Takes `bytes`; the result gives them back and may be called twice. @throws HubError `overloaded` */
  hold(bytes: number): () => void {
    if (this.#held + bytes > this.#most) {
      throw new HubError('overloaded', 'Too many request bodies are arriving at once; try again in a moment.', {
        retryAfterMs: 1000,
      })
    }
    this.#held += bytes
    let mine = bytes
    return () => {
      this.#held -= mine
      mine = 0
    }
  }
}
