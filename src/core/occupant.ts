import type { CloseReason } from './close-reason.ts'
import type { Reader } from './reader.ts'

/** What a stream that is no subscription lets the hub do with it: one of MCP messages. */
export interface OccupantStream {
  /** Bytes that wait for its client. */
  readonly queuedBytes: number
  /** Ends it with what waits written; gives its place back, then or later. */
  end(reason: CloseReason): void
}

/** One that takes a place among the connections. */
export interface Occupant {
  id: string
  reader: Pick<Reader, 'principal' | 'address'>
  /** Monotonic milliseconds. */
  openedAt: number
  stream: OccupantStream
}
