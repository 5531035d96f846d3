import type { ConfiguredEventType } from '../../config/config.ts'
import type { LoadedConfig } from '../../config/load.ts'
import { HubError } from '../../core/errors.ts'
import { parseTypeFilter } from '../../core/event-type.ts'
import { type CheckedEventType, type EventTypeFilter, EventTypes } from '../../core/event-types.ts'
import { parsePattern } from '../../core/pattern.ts'

const KEY = 'event_types'

/**
 * The declared event types, their schemas compiled. @throws HubError `invalid-config`, each bad one on a line of its own
 */
export async function eventTypesOf({ config, entries }: Pick<LoadedConfig, 'config' | 'entries'>): Promise<EventTypes> {
  if (config.eventTypes.length === 0) return new EventTypes([])
  const origin = entries.find(({ key }) => key.name === KEY)?.origin
  const checked: CheckedEventType[] = []
  const problems: string[] = []
  // Loaded late: the schema compiler is 8 MB and 90 ms that most hubs do not need.
  const [{ PayloadRules }, { filterSchema }] = await Promise.all([
    import('../../schemas/payload-rules.ts'),
    import('../../schemas/filter-schema.ts'),
  ])
  const rules = new PayloadRules()
  for (const [index, type] of config.eventTypes.entries()) {
    const at = `${origin}: ${KEY}[${index}]`
    const of = `(${type.name}) is refused`
    try {
      const fits = naming(`${at}.payload_schema ${of}`, () => rules.compile(type.payloadSchema))
      const filters = Object.entries(type.filters).map(([argument, pointer]): EventTypeFilter => {
        const schema = naming(`${at}.filters.${argument} ${of}`, () => filterSchema(type.payloadSchema, pointer))
        return { argument, pointer, schema }
      })
      checked.push({ ...declared(type), filters, fits })
    } catch (error) {
      if (!(error instanceof HubError) || error.code !== 'invalid-config') throw error
      problems.push(error.message)
    }
  }
  if (problems.length > 0) throw new HubError('invalid-config', problems.join('\n'))
  return new EventTypes(checked)
}

function declared({ name, description, topic, type, payloadSchema }: ConfiguredEventType) {
  return {
    name,
    description,
    topic: parsePattern(topic),
    type: type === undefined ? undefined : parseTypeFilter(type),
    payloadSchema,
  }
}

function naming<T>(what: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw error instanceof HubError ? error.under('', (message) => `${what}: ${message}`) : error
  }
}
