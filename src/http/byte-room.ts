import { HubError } from '../core/errors.ts'
import { LOCAL, type Principal } from '../core/principal.ts'

export interface ByteRoomOptions {
  bytes: number
  /** What the room is for, as it is said to those it has no room for: `request bodies are arriving`. */
  what: string
}

type Owner = Pick<Principal, 'id' | 'credential'>

/** One principal's part of a room; callers without a credential are one. */
const SHARES = 4

/**
 * Memory for all of one kind of thing at one time, in bytes, of which one principal has at most a quarter: who takes all
 * there is for them leaves room for others. In open mode there are no others. Whoever holds nothing is forgotten.
 */
export class ByteRoom {
  readonly #most: number
  readonly #share: number
  readonly #what: string
  readonly #heldBy = new Map<string, number>()
  #held = 0

  constructor({ bytes, what }: ByteRoomOptions) {
    this.#most = bytes
    this.#share = Math.floor(bytes / SHARES)
    this.#what = what
  }

  get held(): number {
    return this.#held
  }

  /** How many principals hold something. */
  get owners(): number {
    return this.#heldBy.size
  }

  /** Room for one thing, whose size may show later; nothing yet. */
  holding({ id, credential }: Owner): Holding {
    let mine = 0
    const take = (bytes: number): void => {
      this.#held += bytes - mine
      const all = (this.#heldBy.get(id) ?? 0) + bytes - mine
      if (all === 0) this.#heldBy.delete(id)
      else this.#heldBy.set(id, all)
      mine = bytes
    }
    return {
      resize: (bytes) => {
        if (bytes > mine) this.#require(bytes - mine, id, credential)
        take(bytes)
      },
      release: () => take(0),
    }
  }

  #require(more: number, id: string, credential: string): void {
    if (id !== LOCAL.id && (this.#heldBy.get(id) ?? 0) + more > this.#share) {
      const whose = credential === 'none' ? 'callers without a credential' : 'this credential'
      throw full(`Too many ${this.#what} for ${whose} at once; wait for some to be done, and try again.`)
    }
    if (this.#held + more > this.#most) throw full(`Too many ${this.#what} at once; try again in a moment.`)
  }
}

export interface Holding {
  /** To `bytes` in all. @throws HubError `overloaded`, and holds what it held */
  resize(bytes: number): void
  /** May be called twice. */
  release(): void
}

function full(message: string): HubError {
  return new HubError('overloaded', message, { retryAfterMs: 1000 })
}
