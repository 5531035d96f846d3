import type { Choose } from '../../webhooks/subscription-request.ts'
import type { OfferedTypes } from './offered-types.ts'
import { promisesOf } from './promises.ts'

/** What webhooks send of the log: of the same types, and the same JSON, as poll and push. */
export function chooser(types: OfferedTypes): Choose {
  const promises = new Map(types.all.map(({ descriptor }) => [descriptor.name, promisesOf(descriptor.payloadSchema)]))
  return (name, args, grants) => {
    const selection = types.select(name, args, grants)
    if (!selection) return undefined
    return {
      filter: selection.filter,
      occurrence(event) {
        const found = selection.of(event)
        return found && { eventId: found.eventId, json: selection.occurrences.json(event) }
      },
      promises: promises.get(name)!,
    }
  }
}
