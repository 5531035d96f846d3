import type { StoredEvent } from '../../core/event.ts'
import type { Filter } from '../../core/filter.ts'
import type { Wanted } from './event-type.ts'
import type { Occurrence, Occurrences } from './occurrence.ts'

/** What one client is told of one event type. */
export class Selection {
  readonly occurrences: Occurrences
  readonly #wanted: Wanted

  constructor(occurrences: Occurrences, wanted: Wanted) {
    this.occurrences = occurrences
    this.#wanted = wanted
  }

  /** Everything it wants is matched by it. */
  get filter(): Filter {
    return this.#wanted.filter
  }

  /** Whether the filter matches more than is wanted. */
  get sifts(): boolean {
    return this.#wanted.matches !== undefined
  }

  /** `undefined` for an event that is not wanted. */
  of(event: StoredEvent): Occurrence | undefined {
    const occurrence = this.occurrences.of(event)
    const { matches } = this.#wanted
    return occurrence && (!matches || matches(occurrence.data)) ? occurrence : undefined
  }
}
