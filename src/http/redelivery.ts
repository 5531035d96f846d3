import { parseCursor } from '../core/cursor.ts'
import { HubError } from '../core/errors.ts'
import { requireJsonDepth } from '../core/json-depth.ts'
import { didYouMean, quoted } from '../core/suggest.ts'
import type { Redelivery } from '../webhooks/summary.ts'
import type { BodyLimit } from './body.ts'

const FIELDS = ['event', 'after'] as const
const EXAMPLES = '{"event": "k3f9a2b7.1042"} or {"after": "k3f9a2b7.1042"}'

/** A cursor and its name are less than 100 bytes. */
export const redeliveryLimit: BodyLimit = {
  bytes: 4 * 1024,
  code: 'body-too-large',
  message: `What is to be sent again is said in at most 4 KiB: ${EXAMPLES}.`,
}

/**
 * The body of `POST /webhooks/{id}/redeliver`: exactly one of both. Whether the place is kept is for whoever sends it.
 * @throws HubError `invalid-json`, `invalid-body`, `invalid-cursor`
 */
export function parseRedelivery(text: string): Redelivery {
  const value = parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refused()
  const names = Object.keys(value)
  for (const name of names) {
    if (FIELDS.some((field) => field === name)) continue
    const hint = didYouMean(name, FIELDS) || ` It may have ${FIELDS.join(' or ')}.`
    throw new HubError('invalid-body', `What is to be sent again has no field ${quoted(name)}.${hint}`)
  }
  const { event, after } = value as Record<(typeof FIELDS)[number], unknown>
  if (names.length !== 1) throw refused()
  return event === undefined ? { after: cursorOf(after, '/after') } : { event: cursorOf(event, '/event') }
}

function refused(): HubError {
  return new HubError('invalid-body', `Say what is to be sent again with exactly one of event and after: ${EXAMPLES}.`)
}

function parse(text: string): unknown {
  requireJsonDepth(text, 4)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new HubError('invalid-json', `The body is not JSON; send ${EXAMPLES}.`, { cause: error })
  }
}

function cursorOf(value: unknown, pointer: string): string {
  if (typeof value === 'string' && parseCursor(value) !== undefined) return value
  throw new HubError('invalid-cursor', 'A cursor is the one of an event, such as k3f9a2b7.1042.', { pointer })
}
