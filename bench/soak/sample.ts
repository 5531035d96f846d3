import type { Footprint } from './footprint.ts'

export type Crowd = 'settling' | 'before' | 'full' | 'after'

/** What was seen at one moment. */
export interface Sample extends Footprint {
  /** Seconds since the run began. */
  at: number
  /** Which start of the hub this was, from 0. */
  life: number
  /** Seconds since that start. */
  age: number
  /** `before` all the others have come and `after` they have gone, only the steady readers and the publisher are there. */
  crowd: Crowd
  /** The log with its write-ahead log; the outlets' the same. */
  logFileBytes: number
  walBytes: number
  outletFileBytes: number
  connections: number
  queuedBytes: number
  catchingUp: number
  sessions: number
  webhookWaiting: number
  logEvents: number
  logBytes: number
  floorRssKiB: number
  floorSockets: number
}

/** How one start of the hub ended, and what its counters had come to by the last scrape. */
export interface Life {
  number: number
  ended: string
  seconds: number
  readyMs: number
  lagP99Ms: number
  commitP99Ms: number
  closed: Record<string, number>
  removedEvents: number
  replayedEvents: number
  attempts: Record<string, number>
}
