import type { Failure } from '../outbound/outcome.ts'
import type { Message } from '../plan.ts'

/** One attempt to send one event. */
export interface Job {
  offset: number
  /** Those before this one. */
  attempts: number
  firstAt: number | undefined
  /** Of the body. */
  cursor: string
  /** Of a first attempt; of others it is made again from the log. */
  message: Message | undefined
}

/** What became of it. */
export type JobResult =
  | { kind: 'taken' }
  /** Never to be tried again. */
  | { kind: 'refused'; failure: Failure }
  | {
      kind: 'failed'
      failure: Failure
      retryAfterMs: number | undefined
      /** Whether the answer says that it is this event it does not take. */
      ofEvent: boolean
    }
  /** The hub itself could not make it: it is tried again soon, and does not count. */
  | { kind: 'postponed' }
  /** The log does not have it any more, or it is not wanted any more. */
  | { kind: 'gone'; expired: boolean }
