import type { StoredEvent } from './event.ts'

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
  #encoded: [EncodeEvents, Uint8Array][] = []

  constructor(events: readonly StoredEvent[]) {
    this.events = events
    let bytes = 0
    for (const event of events) bytes += event.bytes
    this.bytes = bytes
  }

  get lastOffset(): number {
    return this.events[this.events.length - 1]!.offset
  }

  /** There are as many encoders as formats (three), so the list is bounded by them. */
  encoded(encode: EncodeEvents): Uint8Array {
    for (const [by, bytes] of this.#encoded) if (by === encode) return bytes
    const bytes = encode(this.events)
    this.#encoded.push([encode, bytes])
    return bytes
  }
}
