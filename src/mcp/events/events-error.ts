import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server'
import { type ErrorCode, HubError } from '../../core/errors.ts'
import { protocolErrorOf } from '../refusal.ts'

/** Whose numbers errors have: those of SEP-3415, those of the sketch before it, or as each client seems to know them. */
export type EventsProfile = 'auto' | 'sep' | 'sketch'

/** What the extension's errors say besides their name; the same in both tables. */
export interface EventsErrorData {
  NotFound: { kind: 'event' }
  Forbidden: { reason: string }
  ResourceExhausted: { limit: string; max: number }
}

export type EventsErrorName = keyof EventsErrorData

export type ErrorNumbers = Readonly<Record<EventsErrorName, number>>

const NUMBERS: Readonly<Record<'sep' | 'sketch', ErrorNumbers>> = {
  sep: { NotFound: -32023, Forbidden: -32024, ResourceExhausted: -32025 },
  sketch: { NotFound: -32011, Forbidden: -32012, ResourceExhausted: -32013 },
}

/** Those who declare the extension know SEP-3415, which tells them to; the numbers of the sketch are those of before. */
export function errorNumbers(profile: EventsProfile, declaresExtension: boolean): ErrorNumbers {
  if (profile === 'auto') return declaresExtension ? NUMBERS.sep : NUMBERS.sketch
  return NUMBERS[profile]
}

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
  if (error instanceof EventsError) return new ProtocolError(numbers[error.error], error.error, error.data)
  if (!(error instanceof HubError)) return protocolErrorOf(error, report)
  if (FORBIDDEN.has(error.code)) {
    return new ProtocolError(numbers.Forbidden, 'Forbidden', { reason: error.message })
  }
  const refusal = protocolErrorOf(error, report)
  if (refusal.code !== ProtocolErrorCode.InvalidParams || error.pointer === undefined) return refusal
  return new ProtocolError(refusal.code, refusal.message, { field: fieldOf(error.pointer) })
}

/** As the extension's own examples write it: `arguments.topic`. */
function fieldOf(pointer: string): string {
  return `arguments${pointer.replaceAll('/', '.')}`
}
