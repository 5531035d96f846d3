import { parseTypeFilter } from '../../src/core/event-type.ts'
import { type CheckedEventType, EventTypes } from '../../src/core/event-types.ts'
import { parsePattern } from '../../src/core/pattern.ts'
import { filterSchema } from '../../src/schemas/filter-schema.ts'
import { PayloadRules } from '../../src/schemas/payload-rules.ts'

export interface EventTypeText {
  name: string
  topic: string
  type?: string
  properties?: Record<string, unknown>
  required?: readonly string[]
  /** Pointers by argument. */
  filters?: Record<string, string>
}

/** Declared event types as a start makes them of the configuration; only what a test is about needs saying. */
export function eventTypesOf(...types: readonly EventTypeText[]): EventTypes {
  const rules = new PayloadRules()
  return new EventTypes(
    types.map(({ name, topic, type, properties = {}, required = [], filters = {} }): CheckedEventType => {
      const payloadSchema = { type: 'object', properties, required }
      return {
        name,
        description: `${name} has happened.`,
        topic: parsePattern(topic),
        type: type === undefined ? undefined : parseTypeFilter(type),
        payloadSchema,
        filters: Object.entries(filters).map(([argument, pointer]) => ({
          argument,
          pointer,
          schema: filterSchema(payloadSchema, pointer),
        })),
        fits: rules.compile(payloadSchema),
      }
    }),
  )
}
