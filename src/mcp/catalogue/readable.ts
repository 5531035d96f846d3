import type { StoredEvent } from '../../core/event.ts'
import { matchesType } from '../../core/event-type.ts'
import { type Filter, parseFilter } from '../../core/filter.ts'
import { type Grants, narrowFilter } from '../../core/grants.ts'
import { matchesTopic } from '../../core/pattern.ts'

const NAMED = { patterns: '/topics', types: '/types' }

/** What of these topics and types may be read. @throws HubError `forbidden`, `invalid-pattern`, `invalid-type`, `invalid-query` */
export function readable(asked: { topics?: string[]; types?: string[] }, grants: Grants, named = NAMED): Filter {
  return narrowFilter(parseFilter(asked.topics ?? [], asked.types ?? [], named), grants, named)
}

export function mayReadSomething({ subscribe }: Grants): boolean {
  return subscribe.length > 0
}

/** A topic's count and last event are of every type: who may read some types only is not told them. */
export function mayListTopics(grants: Grants): boolean {
  return mayReadSomething(grants) && grants.types.length === 0
}

export function mayReadTopic({ subscribe }: Grants, topic: string): boolean {
  return subscribe.some((pattern) => matchesTopic(pattern, topic))
}

export function mayReadEvent(grants: Grants, { topic, type }: StoredEvent): boolean {
  const everyType = grants.types.length === 0
  return mayReadTopic(grants, topic) && (everyType || grants.types.some((filter) => matchesType(filter, type)))
}
