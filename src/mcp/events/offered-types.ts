import type { CheckedEventType } from '../../core/event-types.ts'
import type { Grants } from '../../core/grants.ts'
import { declaredEvent } from './declared-event.ts'
import type { EventType, Payload } from './event-type.ts'
import { Occurrences } from './occurrence.ts'
import { Selection } from './selection.ts'
import { topicEvent } from './topic-event.ts'

/**
 * Every event type an agent may ask for, with its occurrences: one of it for poll, push and webhooks, so that all three
 * give the same, and make it once. Loads nothing of the SDK: stored webhooks need it at the start.
 */
export class OfferedTypes {
  /** In the order of the configuration, the built-in one first. */
  readonly all: readonly EventType[]
  readonly #occurrences: ReadonlyMap<string, Occurrences>

  /** @param declared of the configuration; `topic.event` is always there */
  constructor(declared: readonly CheckedEventType[]) {
    this.all = [topicEvent, ...declared.map(declaredEvent)]
    this.#occurrences = new Map(this.all.map((type) => [type.descriptor.name, new Occurrences(type)]))
  }

  has(name: string): boolean {
    return this.#occurrences.has(name)
  }

  /** What there is of the type for these arguments; `undefined`: there is no such type. @throws as `EventType.wanted` */
  select(name: string, values: Payload, grants: Grants): Selection | undefined {
    const occurrences = this.#occurrences.get(name)
    return occurrences && new Selection(occurrences, occurrences.type.wanted(values, grants))
  }
}
