import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server'
import { type ErrorCode, HubError } from '../../core/errors.ts'
import { CallbackRefusal, QuotaRefusal } from '../../webhooks/refusals.ts'
import { protocolErrorOf } from '../refusal.ts'
import type { ErrorNumbers, EventsErrorData, EventsErrorName } from './error-numbers.ts'

type NamedData = { [Name in EventsErrorName]: [Name, EventsErrorData[Name]] }[EventsErrorName]

/** An error of the extension. Its number is a matter of who asked. */
export class EventsError extends Error {
  readonly error: EventsErrorName
  readonly data: EventsErrorData[EventsErrorName]

  constructor(...[error, data]: NamedData) {
    super(error)
    this.name = 'EventsError'
    this.error = error
    this.data = data
  }
}

const FORBIDDEN = new Set<ErrorCode>(['forbidden', 'credential-missing', 'credential-invalid', 'credential-expired'])

/** What the caller is told of anything thrown. */
export function eventsErrorOf(error: unknown, numbers: ErrorNumbers, report: (error: unknown) => void): ProtocolError {
  const named = namedErrorOf(error)
  if (named) return new ProtocolError(numbers[named.error], named.error, named.data)
  const refusal = protocolErrorOf(error, report)
  const pointer = error instanceof HubError ? error.pointer : undefined
  if (refusal.code !== ProtocolErrorCode.InvalidParams || pointer === undefined) return refusal
  return new ProtocolError(refusal.code, refusal.message, { field: fieldOf(pointer) })
}

/** `undefined` for what the extension has no name for. */
function namedErrorOf(error: unknown): EventsError | undefined {
  if (error instanceof EventsError) return error
  if (error instanceof CallbackRefusal) return new EventsError('CallbackEndpointError', { reason: error.failure })
  if (error instanceof QuotaRefusal) {
    return new EventsError('ResourceExhausted', { limit: error.limit, max: error.max })
  }
  if (!(error instanceof HubError) || !FORBIDDEN.has(error.code)) return undefined
  return new EventsError('Forbidden', { reason: error.message })
}

const OF_DELIVERY = new Set(['/delivery/url', '/delivery/secret'])

/** As the extension's own examples write it: `arguments.topic`, `delivery.secret`. */
function fieldOf(pointer: string): string {
  const field = pointer.replaceAll('/', '.')
  return OF_DELIVERY.has(pointer) ? field.slice(1) : `arguments${field}`
}
