import { HubError } from '../core/errors.ts'
import type { Failure } from './outbound/outcome.ts'

/** A callback that did not prove to be its caller's. What it answered is nobody's business but its own. */
export class CallbackRefusal extends HubError {
  readonly failure: Failure

  constructor(failure: Failure, sentence: string) {
    super('callback-failed', sentence)
    this.name = 'CallbackRefusal'
    this.failure = failure
  }
}

/** One subscription too many. */
export class QuotaRefusal extends HubError {
  /** By the name of the configuration. */
  readonly limit: string
  readonly max: number

  constructor(limit: string, max: number, sentence: string) {
    super('too-many-webhooks', sentence)
    this.name = 'QuotaRefusal'
    this.limit = limit
    this.max = max
  }
}
