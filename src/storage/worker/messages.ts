import type { ErrorCode } from '../../core/errors.ts'

export interface Failure {
  code: ErrorCode
  message: string
  /** Where it came from in the worker, for the log line. */
  stack?: string
}

/** One call on its way to a worker. */
export interface Ask {
  call: number
  verb: string
  ask: unknown
}

/** What a worker sends: the answer to a call, its refusal, or news that nobody asked for. */
export type Told = { call: number; answer: unknown } | { call: number; failure: Failure } | { news: unknown }
