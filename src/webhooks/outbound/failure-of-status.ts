import type { Failure } from './outcome.ts'

/**
 * Of a status that is not 2xx. A redirect, which is never followed, has no category of its own: the receiver was reached
 * and did not take it, as with 4xx.
 */
export function failureOfStatus(status: number): Failure {
  return status >= 500 ? 'http_5xx' : 'http_4xx'
}
