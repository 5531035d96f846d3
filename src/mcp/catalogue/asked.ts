import * as z from 'zod'
import { parseCursor } from '../../core/cursor.ts'
import { HubError } from '../../core/errors.ts'
import { MAX_PATTERNS, MAX_TYPE_FILTERS } from '../../core/filter.ts'
import type { Start } from '../../core/start.ts'

/** Which events tools that read some are asked for. */
export const asked = {
  topics: z
    .array(z.string())
    .max(MAX_PATTERNS)
    .optional()
    .describe('Topics or patterns, such as ["orders/42"] or ["orders/*", "deploys/**"]. Default: all you may read.'),
  types: z
    .array(z.string())
    .max(MAX_TYPE_FILTERS)
    .optional()
    .describe('Only these types: exact (order.paid) or with a prefix (order.*). Default: every type.'),
}

/** Where a page begins: anything that `parseStart` takes. */
export const pageSince = z
  .string()
  .optional()
  .describe(
    'Where to begin: the cursor of an earlier answer, "earliest", a time such as 2026-11-22T12:00:00Z, a duration such as 10m (the last ten minutes), or "now" (no events, only a cursor to go on from). Default: the newest events.',
  )

/** Where a wait begins. */
export const waitSince = z
  .string()
  .optional()
  .describe(
    'The cursor of an earlier answer: what came after it is given at once, so that nothing between two calls is missed. Default, or "now": only what comes from now on.',
  )

/** Of `waitSince`; `undefined`: from now on. @throws HubError `invalid-cursor` */
export function waitStart(since: string | undefined): (Start & { kind: 'cursor' }) | undefined {
  if (!since || since === 'now') return undefined
  const cursor = parseCursor(since)
  if (cursor) return { kind: 'cursor', text: since, cursor }
  throw new HubError(
    'invalid-cursor',
    'since takes the cursor of an earlier answer, such as k3f9a2b7.1042; leave it out to wait from now on. For what is there already, such as from a time or "earliest", call read_events.',
    { pointer: '/since' },
  )
}
