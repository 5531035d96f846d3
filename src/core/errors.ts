/**
 * Everything the hub refuses or fails at, as one closed list. The core knows no HTTP status and no exit code: the edges
 * (`http/problem.ts`, `cli/exit.ts`) hold exhaustive tables, so a new code does not compile until each has an answer.
 */
export const errorCodes = [
  // input
  'invalid-json',
  'invalid-event',
  'invalid-topic',
  'invalid-type',
  'invalid-id',
  'invalid-time',
  'invalid-pattern',
  'invalid-query',
  'invalid-cursor',
  'invalid-body',
  'invalid-arguments',
  'unsupported-content-type',
  'unsupported-encoding',
  'event-too-large',
  'body-too-large',
  'batch-too-large',
  'body-too-slow',
  'id-conflict',
  'not-found',
  'method-not-allowed',
  // who asks, from where
  'host-not-allowed',
  'behind-proxy',
  'origin-not-allowed',
  'credential-missing',
  'credential-invalid',
  'credential-expired',
  'forbidden',
  // webhooks
  'callback-failed',
  'too-many-webhooks',
  // for now: the same request may succeed later
  'overloaded',
  'rate-limited',
  'issuer-unavailable',
  'draining',
  'disk-full',
  // the log
  'log-closed',
  'log-failed',
  'log-locked',
  'log-corrupt',
  'log-newer',
  'log-unwritable',
  // starting
  'invalid-config',
  'port-in-use',
  'address-missing',
  'internal',
] as const

export type ErrorCode = (typeof errorCodes)[number]

/** Their words come from SQLite and the disk and may quote paths or SQL: for the operator's log line, not for clients. */
export const logTroubles: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'log-failed',
  'log-corrupt',
  'log-newer',
  'log-unwritable',
  'log-locked',
])

/** What a client is told of a failure nobody foresaw. */
export const SERVER_FAILED = 'The server failed; its log says why.'

export interface ErrorDetails {
  /** RFC 6901 pointer into the input that was refused, for example `/3/topic`. */
  pointer?: string | undefined
  /** How long to wait before the same request may succeed. */
  retryAfterMs?: number | undefined
  cause?: unknown
}

/** A refusal or failure with a stable code. `message` is a sentence for a person that says what to do next. */
export class HubError extends Error {
  readonly code: ErrorCode
  readonly pointer: string | undefined
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'HubError'
    this.code = code
    this.pointer = details.pointer
    this.retryAfterMs = details.retryAfterMs
  }

  /** The same refusal seen from the array or document that holds the refused value. */
  under(prefix: string, say: (message: string) => string = (message) => message): HubError {
    return new HubError(this.code, say(this.message), {
      pointer: prefix + (this.pointer ?? ''),
      retryAfterMs: this.retryAfterMs,
      cause: this.cause,
    })
  }
}
