import { type ErrorCode, HubError, logTroubles, SERVER_FAILED } from '../core/errors.ts'
import { REQUEST_ID } from './request-id.ts'

/** Exhaustive, so that a new code does not compile before it has a status. */
export const statusOf: Record<ErrorCode, number> = {
  'invalid-json': 400,
  'invalid-event': 400,
  'invalid-topic': 400,
  'invalid-type': 400,
  'invalid-id': 400,
  'invalid-time': 400,
  'invalid-pattern': 400,
  'invalid-query': 400,
  'invalid-cursor': 400,
  'invalid-body': 400,
  'invalid-arguments': 400,
  'unsupported-content-type': 415,
  'unsupported-encoding': 415,
  'event-too-large': 413,
  'body-too-large': 413,
  'batch-too-large': 413,
  'body-too-slow': 408,
  'id-conflict': 409,
  'not-found': 404,
  'method-not-allowed': 405,
  'host-not-allowed': 403,
  'behind-proxy': 403,
  'origin-not-allowed': 403,
  'credential-missing': 401,
  'credential-invalid': 401,
  'credential-expired': 401,
  forbidden: 403,
  'callback-failed': 422,
  'too-many-webhooks': 429,
  overloaded: 503,
  'rate-limited': 429,
  'issuer-unavailable': 503,
  draining: 503,
  'disk-full': 507,
  'log-closed': 503,
  'log-failed': 503,
  'log-locked': 503,
  'log-corrupt': 503,
  'log-newer': 503,
  'log-unwritable': 503,
  'invalid-config': 500,
  'port-in-use': 500,
  'address-missing': 500,
  internal: 500,
}

const titles: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  507: 'Insufficient Storage',
}

/** RFC 9457. `code` is the stable part; `title` is the status in words, as `about:blank` demands. */
export interface Problem {
  type: 'about:blank'
  title: string
  status: number
  code: ErrorCode
  detail: string
  pointer?: string
  /** What the server's log calls this request: for whoever asks its operator. */
  request?: string
}

/** The body is not read to its end: without this the client could go on sending gigabytes into a kept-alive connection. */
const leavesBodyUnread = new Set<ErrorCode>(['body-too-large', 'body-too-slow', 'event-too-large'])

/** RFC 6750 section 3.1: no error where no credential was shown. */
const challenged: Partial<Record<ErrorCode, string>> = {
  'credential-missing': '',
  'credential-invalid': ', error="invalid_token"',
  'credential-expired': ', error="invalid_token"',
  forbidden: ', error="insufficient_scope"',
}

/** Where the refused client reads who issues tokens for what it asked for; `undefined`: nobody does. */
export type MetadataUrl = () => string | undefined

const LOG_DAMAGED =
  'This needs a damaged part of the event log, and the server’s log says why; the rest of it is served as before.'
const LOG_TROUBLE =
  'The event log failed or is not available, and the server’s log says why; ask again when it is back.'

function isForOperator(code: ErrorCode): boolean {
  return statusOf[code] === 500 || logTroubles.has(code)
}

/**
 * What a refused client may do about its credential, as `WWW-Authenticate` says it. `metadata` is the URL of what is known
 * of the authorization server (RFC 9728 section 5.1): without one, a 403 is nothing another token could be asked for.
 */
function challengeOf(code: ErrorCode, metadata: string | undefined): string | undefined {
  const error = challenged[code]
  if (error === undefined || (code === 'forbidden' && metadata === undefined)) return undefined
  const known = metadata === undefined ? '' : `, resource_metadata="${metadata.replace(/["\\]/g, '\\$&')}"`
  return `Bearer realm="mcp-sse"${error}${known}`
}

function detailOf({ code, message }: HubError, status: number): string {
  if (code === 'log-corrupt') return LOG_DAMAGED
  if (logTroubles.has(code)) return LOG_TROUBLE
  return status === 500 ? SERVER_FAILED : message
}

export interface ProblemOptions {
  headers?: Record<string, string>
  /** Asked when the refusal is about a credential. */
  metadata?: MetadataUrl
  /** The id of the request, as `requestId` makes it. */
  request?: string
}

export function problemResponse(
  error: HubError,
  { headers, metadata = () => undefined, request }: ProblemOptions = {},
): Response {
  const challenge = error.code in challenged ? challengeOf(error.code, metadata()) : undefined
  const status = statusOf[error.code]
  const problem: Problem = {
    type: 'about:blank',
    title: titles[status] ?? 'Error',
    status,
    code: error.code,
    detail: detailOf(error, status),
    ...(error.pointer === undefined ? {} : { pointer: error.pointer }),
    ...(request === undefined ? {} : { request }),
  }
  return new Response(`${JSON.stringify(problem)}\n`, {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(error.retryAfterMs === undefined
        ? {}
        : { 'retry-after': String(Math.max(1, Math.ceil(error.retryAfterMs / 1000))) }),
      ...(leavesBodyUnread.has(error.code) ? { connection: 'close' } : {}),
      ...(challenge === undefined ? {} : { 'www-authenticate': challenge }),
      ...(request === undefined ? {} : { [REQUEST_ID]: request }),
      ...headers,
    },
  })
}

/** What the client sees of any thrown value; what is not a HubError goes to `report` and shows nothing of itself. */
export function problemOf(
  error: unknown,
  report: (error: unknown, request?: string) => void,
  options: ProblemOptions = {},
): Response {
  if (error instanceof HubError) {
    if (isForOperator(error.code)) report(error, options.request)
    return problemResponse(error, options)
  }
  report(error, options.request)
  return problemResponse(new HubError('internal', SERVER_FAILED, { cause: error }), options)
}
