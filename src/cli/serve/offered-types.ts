import type { EventTypes } from '../../core/event-types.ts'
import type { OfferedTypes } from '../../mcp/events/offered-types.ts'

/** The one table of what agents may ask for, made when MCP or webhooks first need it: an occurrence is made once for both. */
export function offeredTypesOf(eventTypes: EventTypes): () => Promise<OfferedTypes> {
  let made: Promise<OfferedTypes> | undefined
  return () => {
    made ??= import('../../mcp/events/offered-types.ts').then(
      ({ OfferedTypes }) => new OfferedTypes(eventTypes.declared),
    )
    return made
  }
}
