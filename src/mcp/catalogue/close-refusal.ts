import type { CloseReason } from '../../core/close-reason.ts'
import { type NoRoom, noRoom } from '../../core/connections.ts'
import { type ErrorCode, HubError } from '../../core/errors.ts'
import { SERVER_STOPPING } from '../stopping.ts'

const AGAIN = 'try again in a moment.'

/** What a caller is told of a wait that did not begin, or that ended before anything came. */
const refusals: Record<Exclude<CloseReason, NoRoom>, readonly [ErrorCode, string]> = {
  done: ['overloaded', `The wait is over; ${AGAIN}`],
  'client-gone': ['overloaded', `The wait was cut off; ${AGAIN}`],
  'max-age': ['overloaded', `The wait was cut off at its largest age; ${AGAIN}`],
  'slow-consumer': ['overloaded', `The wait fell behind; ${AGAIN}`],
  shutdown: ['draining', SERVER_STOPPING],
  draining: ['draining', SERVER_STOPPING],
  // The operator has been told once, by the log itself.
  'log-failed': ['draining', SERVER_STOPPING],
  'issuer-unavailable': ['issuer-unavailable', `The issuer of the credential cannot be reached; ${AGAIN}`],
  'credential-expired': ['credential-expired', 'The credential has expired; go on with a new one.'],
  'credential-revoked': ['credential-invalid', 'The credential is no longer accepted; go on with another one.'],
  'grants-changed': ['forbidden', 'What this credential may read has changed meanwhile; ask again.'],
  'cut-off': ['overloaded', `The wait was ended by an operator; ${AGAIN}`],
  internal: ['overloaded', `The wait failed; ${AGAIN}`],
}

/** With the place to go on from, where the caller may. `retryAfterMs` is said where coming back helps. */
export function closeRefusal(reason: CloseReason, retryAfterMs: number, cursor?: string): HubError {
  const place = cursor === undefined ? '' : ` Go on with since ${JSON.stringify(cursor)}.`
  if (isNoRoom(reason))
    return new HubError('overloaded', noRoom(reason, retryAfterMs).message + place, { retryAfterMs })
  const [code, sentence] = refusals[reason]
  const waits = code === 'overloaded' || code === 'draining' || code === 'issuer-unavailable'
  return new HubError(code, sentence + place, waits ? { retryAfterMs } : {})
}

function isNoRoom(reason: CloseReason): reason is NoRoom {
  return !(reason in refusals)
}
