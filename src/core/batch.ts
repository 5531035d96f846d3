import { EVENT_OVERHEAD_BYTES, type StoredEvent } from './event.ts'

/** Turns events, in order, into the bytes one format sends for them. */
export type EncodeEvents = (events: readonly StoredEvent[]) => Uint8Array

/**
 * A run of events in log order that many subscriptions share, with its bytes made once per format. The bytes are shared
 * too: Bun keeps a reference to a chunk until the socket took it, so nobody may write into them.
 */
export class Batch {
  /** A batch is a delivery as it is: the busiest path makes no object around it. */
  readonly kind = 'events'
  readonly events: readonly StoredEvent[]
  /** What the events count for in a queue. */
  readonly bytes: number
  /** Monotonic milliseconds; 0 for what is read again. */
  readonly committedAt: number
  /** The format asked for last, which nearly every reader shares, and the others. */
  #by: EncodeEvents | undefined
  #encoded: Uint8Array | undefined
  #others: Map<EncodeEvents, Uint8Array> | undefined

  constructor(events: readonly StoredEvent[], committedAt = 0) {
    this.events = events
    this.committedAt = committedAt
    let bytes = 0
    for (const event of events) bytes += event.bytes + EVENT_OVERHEAD_BYTES
    this.bytes = bytes
  }

  get lastOffset(): number {
    return this.events[this.events.length - 1]!.offset
  }

  /** There are as many encoders as formats (three), so what is kept is bounded by them. */
  encoded(encode: EncodeEvents): Uint8Array {
    if (this.#by === encode) return this.#encoded!
    const bytes = this.#others?.get(encode) ?? encode(this.events)
    if (this.#by) {
      this.#others ??= new Map()
      this.#others.set(this.#by, this.#encoded!)
    }
    this.#by = encode
    this.#encoded = bytes
    return bytes
  }
}
