import type { ErrorCode } from '../core/errors.ts'

export const DONE = 0
/** The hub refused, or it could not be done now. Starting again later may help. */
export const FAILED = 1
export const USAGE = 2
/** 128 and SIGINT, as a shell has it of what Ctrl-C has ended. */
export const INTERRUPTED = 130
/** sysexits EX_IOERR */
export const IO_ERROR = 74
/** sysexits EX_CONFIG: starting again does not help (RestartPreventExitStatus=78). */
export const BAD_CONFIG = 78

const exitCodes: Record<ErrorCode, number> = {
  'invalid-json': FAILED,
  'invalid-event': FAILED,
  'invalid-topic': FAILED,
  'invalid-type': FAILED,
  'invalid-id': FAILED,
  'invalid-time': FAILED,
  'invalid-pattern': FAILED,
  'invalid-query': FAILED,
  'invalid-cursor': FAILED,
  'invalid-body': FAILED,
  'invalid-arguments': FAILED,
  'unsupported-content-type': FAILED,
  'unsupported-encoding': FAILED,
  'event-too-large': FAILED,
  'body-too-large': FAILED,
  'batch-too-large': FAILED,
  'body-too-slow': FAILED,
  'id-conflict': FAILED,
  'not-found': FAILED,
  'method-not-allowed': FAILED,
  'host-not-allowed': FAILED,
  'behind-proxy': FAILED,
  'origin-not-allowed': FAILED,
  'credential-missing': FAILED,
  'credential-invalid': FAILED,
  'credential-expired': FAILED,
  forbidden: FAILED,
  'callback-failed': FAILED,
  'too-many-webhooks': FAILED,
  overloaded: FAILED,
  'rate-limited': FAILED,
  'issuer-unavailable': FAILED,
  draining: FAILED,
  'disk-full': IO_ERROR,
  'log-closed': FAILED,
  'log-failed': IO_ERROR,
  'log-locked': FAILED,
  'log-corrupt': IO_ERROR,
  'log-newer': BAD_CONFIG,
  'log-unwritable': IO_ERROR,
  'invalid-config': BAD_CONFIG,
  'port-in-use': FAILED,
  'address-missing': FAILED,
  internal: FAILED,
}

export function exitCodeOf(code: ErrorCode): number {
  return exitCodes[code]
}
