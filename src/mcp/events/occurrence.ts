import type { StoredEvent } from '../../core/event.ts'
import { eventTime } from '../../core/event.ts'
import type { EventType, Payload } from './event-type.ts'

/** One event of one type, as poll and push give it (SEP-3415, `EventOccurrence`). */
export interface Occurrence {
  /** By the place in the log: the same on every way it comes. `[a-z0-9_]`, so that it can be a header. */
  eventId: string
  name: string
  /** When it happened, RFC 3339. */
  timestamp: string
  data: Payload
}

/**
 * Events of one type as occurrences. The last one is kept: what a publish brings is asked for by all its readers, one
 * after another.
 */
export class Occurrences {
  readonly type: EventType
  #event: StoredEvent | undefined
  #occurrence: Occurrence | undefined
  #json: string | undefined

  constructor(type: EventType) {
    this.type = type
  }

  /** `undefined` for an event that is not of the type. */
  of(event: StoredEvent): Occurrence | undefined {
    if (this.#event !== event) {
      this.#occurrence = occurrenceOf(this.type, event)
      this.#event = event
      this.#json = undefined
    }
    return this.#occurrence
  }

  /** Of an event that has an occurrence. */
  json(event: StoredEvent): string {
    const occurrence = this.of(event)
    this.#json ??= JSON.stringify(occurrence)
    return this.#json
  }
}

function occurrenceOf(type: EventType, event: StoredEvent): Occurrence | undefined {
  const data = type.payload(event)
  if (!data) return undefined
  return {
    eventId: `evt_${event.epoch}_${event.offset}`,
    name: type.descriptor.name,
    // RFC 3339 allows small letters, which not every reader does.
    timestamp: eventTime(event).toUpperCase(),
    data,
  }
}
