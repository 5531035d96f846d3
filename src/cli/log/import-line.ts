import { type Cursor, parseCursor } from '../../core/cursor.ts'
import { draftFrom, draftFromBody } from '../../core/draft.ts'
import { HubError } from '../../core/errors.ts'
import { RESERVED_ID_PREFIX } from '../../core/event-id.ts'
import { MAX_JSON_DEPTH, requireJsonDepth } from '../../core/json-depth.ts'
import { reason } from '../../http/publish/json.ts'
import { linePlace, refusalAt } from '../../http/publish/publication.ts'
import type { ImportedEvent } from '../../storage/archive.ts'
import type { Line } from '../stdin-lines.ts'

/** With what no JSON string can hold (control characters) left out. */
const STRING = '("[^"\\\\\\x00-\\x1f]*(?:\\\\.[^"\\\\\\x00-\\x1f]*)*")'
/** How `eventJson` begins an event; what follows, up to the last brace, is the text of its data. */
const EXPORTED = new RegExp(
  `^\\{"id":${STRING},"cursor":${STRING},"topic":${STRING},"type":${STRING},"time":${STRING},"data":`,
)

/**
 * A line as `log export` writes it, whose data keeps its exact text, or an event object as `POST /events` takes it. An id
 * that a hub made says where the event was, and is not kept; nor is the cursor. @throws HubError that names the line
 */
export function importedEvent({ number, text }: Line): ImportedEvent {
  try {
    const { draft, own } = fromExport(text) ?? fromObject(text)
    return { draft, own, line: number }
  } catch (error) {
    throw refusalAt(linePlace(number), error)
  }
}

type Read = Omit<ImportedEvent, 'line'>

function fromExport(text: string): Read | undefined {
  const match = EXPORTED.exec(text)
  if (!match || !text.endsWith('}')) return undefined
  const body = text.slice(match[0].length, -1)
  try {
    const { kept, own } = idOf(textOf(match[1]!))
    const [topic, type, time] = [textOf(match[3]!), textOf(match[4]!), textOf(match[5]!)]
    const draft = draftFromBody({ topic, type, id: kept, time, body })
    // As a body it is text when it is not JSON, and here it has to be: the other way says what is wrong.
    return draft.isText && draft.data === body ? undefined : { draft, own }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function fromObject(text: string): Read {
  requireJsonDepth(text, MAX_JSON_DEPTH + 1)
  const value = parsed(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { draft: draftFrom(value), own: undefined }
  const { cursor: _, ...event } = value as Record<string, unknown>
  const { kept, own } = typeof event.id === 'string' ? idOf(event.id) : { kept: event.id, own: undefined }
  if (kept === null && own) delete event.id
  return { draft: draftFrom(event), own }
}

/** Of a JSON string: by far most have nothing to unescape, which is five times as fast. */
function textOf(json: string): string {
  return json.includes('\\') ? (JSON.parse(json) as string) : json.slice(1, -1)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new HubError('invalid-json', `This is not JSON: ${reason(error)}`, { cause: error })
  }
}

function idOf(id: string): { kept: string | null; own: Cursor | undefined } {
  // `evt_<epoch>_<offset>`
  const own = id.startsWith(RESERVED_ID_PREFIX)
    ? parseCursor(id.slice(RESERVED_ID_PREFIX.length).replace('_', '.'))
    : undefined
  return own ? { kept: null, own } : { kept: id, own: undefined }
}
