import type { Clock } from './clock.ts'
import { parseCursor } from './cursor.ts'
import type { Hub } from './hub.ts'
import type { Start } from './start.ts'

/** Where a client of MCP Events goes on. */
export interface Place {
  /** `undefined`: from now on. */
  start: (Start & { kind: 'cursor' }) | undefined
  /** Something between its cursor and the start is left out, because it is older than was asked for. */
  truncated: boolean
}

/** No cursor of this hub is longer: what is, is cut before it is looked at. */
const MAX_CURSOR = 128

/** The later of the cursor and `maxAgeMs` before now. Without a cursor there is no history to limit. */
export async function placeOf(
  { cursor, maxAgeMs }: { cursor?: string | null | undefined; maxAgeMs?: number | null | undefined },
  { log, cursor: textOf }: Pick<Hub, 'log' | 'cursor'>,
  clock: Pick<Clock, 'now'>,
): Promise<Place> {
  if (cursor === undefined || cursor === null) return { start: undefined, truncated: false }
  const start = startAt(cursor.slice(0, MAX_CURSOR))
  const position = start.cursor && log.generations.resolve(start.cursor, log.head)
  if (position === undefined || maxAgeMs === undefined || maxAgeMs === null) return { start, truncated: false }
  const floor = await log.seek(clock.now() - maxAgeMs)
  return floor > position ? { start: startAt(textOf(floor)), truncated: true } : { start, truncated: false }
}

export function startAt(text: string): Start & { kind: 'cursor' } {
  return { kind: 'cursor', text, cursor: parseCursor(text) }
}
