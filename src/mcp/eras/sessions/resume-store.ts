/** What of a stream may be asked for again is behind this. */
export interface Replayable {
  /** Messages up to this number cannot be replayed. */
  lostTo: number
}

interface Kept {
  stream: Replayable
  number: number
  frame: Uint8Array
  /** Monotonic milliseconds. */
  at: number
}

/** Memory to keep messages in. */
export interface Room {
  /** @returns whether there was so much */
  take(bytes: number): boolean
  give(bytes: number): void
}

/** One owner's part of the room. */
const SHARES = 4

/** The memory that all sessions keep their messages in. */
export class ResumeRoom implements Room {
  readonly #share: number
  readonly #heldBy = new Map<string, number>()
  #free: number

  constructor(bytes: number) {
    this.#free = bytes
    this.#share = Math.floor(bytes / SHARES)
  }

  get freeBytes(): number {
    return this.#free
  }

  take(bytes: number): boolean {
    if (bytes > this.#free) return false
    this.#free -= bytes
    return true
  }

  give(bytes: number): void {
    this.#free += bytes
  }

  /** How many owners hold something. */
  get owners(): number {
    return this.#heldBy.size
  }

  /** What all sessions of `owner` have together, at most a quarter: who fills it leaves room for others. */
  shareOf(owner: string): Room {
    const change = (held: number): void => {
      if (held === 0) this.#heldBy.delete(owner)
      else this.#heldBy.set(owner, held)
    }
    return {
      take: (bytes) => {
        const held = (this.#heldBy.get(owner) ?? 0) + bytes
        if (held > this.#share || !this.take(bytes)) return false
        change(held)
        return true
      },
      give: (bytes) => {
        this.give(bytes)
        change((this.#heldBy.get(owner) ?? 0) - bytes)
      },
    }
  }
}

/**
 * The newest messages of one session's streams, for a client that comes back with `Last-Event-ID`. A ring in bytes: what
 * is new pushes out the oldest of the same session, never another's, so nobody can empty the store of somebody else.
 */
export class ResumeStore {
  readonly #room: Room
  readonly #maxBytes: number
  #kept: Kept[] = []
  #bytes = 0

  constructor(room: Room, maxBytes: number) {
    this.#room = room
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Whether it is kept or not, `stream.lostTo` says what can be replayed afterwards. */
  keep(stream: Replayable, number: number, frame: Uint8Array, at: number): void {
    const bytes = frame.byteLength
    if (bytes > this.#maxBytes) {
      stream.lostTo = number
      return
    }
    while (this.#bytes + bytes > this.#maxBytes) this.#forgetOldest()
    while (!this.#room.take(bytes)) {
      if (this.#kept.length === 0) {
        stream.lostTo = number
        return
      }
      this.#forgetOldest()
    }
    this.#kept.push({ stream, number, frame, at })
    this.#bytes += bytes
  }

  /** Oldest first. Complete if `number >= stream.lostTo`. */
  after(stream: Replayable, number: number): Uint8Array[] {
    return this.#kept.filter((kept) => kept.stream === stream && kept.number > number).map(({ frame }) => frame)
  }

  /** Of a stream that nobody can come back to. */
  drop(stream: Replayable): void {
    const dropped = this.#kept.filter((kept) => kept.stream === stream)
    if (dropped.length === 0) return
    this.#kept = this.#kept.filter((kept) => kept.stream !== stream)
    for (const kept of dropped) this.#released(kept)
  }

  /** Forgets what is older. */
  expire(before: number): void {
    while (this.#kept.length > 0 && this.#kept[0]!.at < before) this.#forgetOldest()
  }

  clear(): void {
    while (this.#kept.length > 0) this.#forgetOldest()
  }

  #forgetOldest(): void {
    this.#released(this.#kept.shift()!)
  }

  #released({ stream, number, frame }: Kept): void {
    stream.lostTo = Math.max(stream.lostTo, number)
    this.#bytes -= frame.byteLength
    this.#room.give(frame.byteLength)
  }
}
