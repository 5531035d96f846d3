import { HubError } from '../../core/errors.ts'
import type { Draft } from '../../core/event.ts'

export const MAX_BATCH_EVENTS = 1000

/** What one request publishes, all or nothing. */
export interface Publication {
  drafts: Draft[]
  /** Where the draft at `index` stands in the body; `undefined` for a request that is one event and no batch. */
  place: ((index: number) => Place) | undefined
}

export interface Place {
  /** `/3`, what the pointers of this event start with. */
  pointer: string
  /** `Event 3`, how its sentences start. */
  words: string
}

/** Array elements count from 0, in pointer and sentence alike. */
export function eventPlace(index: number): Place {
  return { pointer: `/${index}`, words: `Event ${index}` }
}

/** Lines count from 1, as editors do, in pointer and sentence alike. */
export function linePlace(line: number): Place {
  return { pointer: `/${line}`, words: `Line ${line}` }
}

/** The same refusal, saying which event of the batch it means. Other errors stay what they are. */
export function refusalAt(place: Place, error: unknown): unknown {
  return error instanceof HubError ? error.under(place.pointer, (message) => `${place.words}: ${message}`) : error
}

/** Refusals of the hub and the log point at `/<index of the draft>/…`; the publisher counts by what it sent. */
export function relocated(error: unknown, publication: Publication): unknown {
  const match = error instanceof HubError ? /^\/(\d+)(\/.*)?$/s.exec(error.pointer ?? '') : null
  if (!(error instanceof HubError) || !match) return error
  const rest = match[2] ?? ''
  const place = publication.place?.(Number(match[1]))
  return new HubError(error.code, place ? `${place.words}: ${error.message}` : error.message, {
    pointer: (place?.pointer ?? '') + rest,
    retryAfterMs: error.retryAfterMs,
    cause: error.cause,
  })
}

/** @throws HubError `batch-too-large`, `invalid-body` when there is nothing to publish */
export function requireBatchSize(events: number): void {
  if (events > MAX_BATCH_EVENTS) {
    throw new HubError(
      'batch-too-large',
      `A request publishes at most ${MAX_BATCH_EVENTS} events; split it into several.`,
    )
  }
  if (events === 0) throw new HubError('invalid-body', 'The body has no events; send at least one.')
}
