import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server'
import { type ErrorCode, HubError, logTroubles, SERVER_FAILED } from '../core/errors.ts'

/** What the caller can do something about by asking differently; everything else is the server's. */
const OF_THE_REQUEST = new Set<ErrorCode>([
  'invalid-json',
  'invalid-event',
  'invalid-topic',
  'invalid-type',
  'invalid-id',
  'invalid-time',
  'invalid-pattern',
  'invalid-query',
  'invalid-cursor',
  'invalid-arguments',
  'not-found',
  'event-too-large',
  'forbidden',
  'credential-missing',
  'credential-expired',
])

/** What a caller may know of any thrown value: a refusal of the hub as it is, of the rest that it failed. */
export function refusalOf(error: unknown, report: (error: unknown) => void): HubError {
  if (error instanceof HubError && error.code !== 'internal' && !logTroubles.has(error.code)) return error
  report(error)
  const code = error instanceof HubError ? error.code : 'internal'
  return new HubError(code, SERVER_FAILED, { cause: error })
}

/** The same as a JSON-RPC error: what is not a tool has no other way to say it. */
export function protocolErrorOf(error: unknown, report: (error: unknown) => void): ProtocolError {
  if (error instanceof ProtocolError) return error
  const { code, message, pointer, retryAfterMs } = refusalOf(error, report)
  const data = {
    code,
    ...(pointer === undefined ? {} : { pointer }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
  if (OF_THE_REQUEST.has(code)) return new ProtocolError(ProtocolErrorCode.InvalidParams, message, data)
  return new ProtocolError(ProtocolErrorCode.InternalError, message, data)
}
