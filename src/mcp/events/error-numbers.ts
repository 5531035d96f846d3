import type { Failure } from '../../webhooks/outbound/outcome.ts'

/** Whose numbers errors have: those of SEP-3415, those of the sketch before it, or as each client seems to know them. */
export type EventsProfile = 'auto' | 'sep' | 'sketch'

/** What the extension's errors say besides their name; the same in both tables. */
export interface EventsErrorData {
  NotFound: { kind: 'event' | 'subscription' }
  Forbidden: { reason: string }
  ResourceExhausted: { limit: string; max: number }
  Unsupported: { feature: 'deliveryMode'; value: string }
  CallbackEndpointError: { reason: Failure }
}

export type EventsErrorName = keyof EventsErrorData

export type ErrorNumbers = Readonly<Record<EventsErrorName, number>>

const SEP: ErrorNumbers = {
  NotFound: -32023,
  Forbidden: -32024,
  ResourceExhausted: -32025,
  Unsupported: -32026,
  CallbackEndpointError: -32027,
}

const SKETCH: ErrorNumbers = {
  NotFound: -32011,
  Forbidden: -32012,
  ResourceExhausted: -32013,
  Unsupported: -32014,
  CallbackEndpointError: -32015,
}

/** Those who declare the extension know SEP-3415, which tells them to; the numbers of the sketch are those of before. */
export function errorNumbers(profile: EventsProfile, declaresExtension: boolean): ErrorNumbers {
  if (profile === 'auto') return declaresExtension ? SEP : SKETCH
  return profile === 'sep' ? SEP : SKETCH
}

/** Whether to unsubscribe what is not subscribed is an error: SEP-3415 says so, the clients of before expect none. */
export function missesUnknown(numbers: ErrorNumbers): boolean {
  return numbers.NotFound === SEP.NotFound
}
