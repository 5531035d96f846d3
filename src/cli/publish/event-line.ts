import { usageFailure } from '../failure.ts'
import type { Line } from '../stdin-lines.ts'

/** What events get that do not say it themselves. */
export interface EventDefaults {
  topic: string
  type: string | undefined
}

/** Text as the data of an event: JSON if it is JSON (with its exact text), else text. */
export function eventOfData(text: string, fields: EventDefaults & { id?: string | undefined }): string {
  const { topic, type, id } = fields
  const head = JSON.stringify({ topic, type, id }).slice(0, -1)
  return `${head},"data":${isJson(text) ? text : JSON.stringify(text)}}`
}

/** A line that is an event object, with topic and type put in where it has none and nothing else touched. */
export function eventOfObject({ number, text: line }: Line, defaults: EventDefaults): string {
  const text = line.trim()
  const event = parsed(text)
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    throw usageFailure(
      `Line ${number} is not an event object such as {"data": 1}.`,
      'mcp-sse publish TOPIC - --lines, where each line is data',
    )
  }
  const missing = Object.entries(defaults).filter(([name, value]) => value !== undefined && !Object.hasOwn(event, name))
  if (missing.length === 0) return text
  const added = JSON.stringify(Object.fromEntries(missing)).slice(0, -1)
  return Object.keys(event).length === 0 ? `${added}}` : `${added},${text.slice(1)}`
}

function isJson(text: string): boolean {
  return parsed(text) !== undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Not JSON is one of the two answers here.
    return undefined
  }
}
