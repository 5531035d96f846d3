import { type Cursor, parseCursor } from './cursor.ts'
import type { Delivery } from './delivery.ts'
import { parseDuration } from './duration.ts'
import { HubError } from './errors.ts'
import type { EventLog } from './event-log.ts'
import { isTime } from './event-time.ts'
import type { Filter } from './filter.ts'

/** Where a reader wants to begin (DESIGN 5, "where to start"). */
export type Start =
  | { kind: 'now' }
  | { kind: 'earliest' }
  /** `cursor` is absent when `text` is nothing a hub can have issued: that is a gap, not an error. */
  | { kind: 'cursor'; text: string; cursor: Cursor | undefined }
  | { kind: 'time'; text: string; received: number }
  | { kind: 'last'; count: number }

export const MAX_LAST = 1000
const LAST_STEP_BYTES = 1024 * 1024

export interface StartRequest {
  /** `Last-Event-ID` header, else the query parameter. Never refused: a browser sends it back by itself, for ever. */
  lastEventId: string | undefined
  since: string | undefined
  last: string | undefined
  /** Milliseconds now, for durations. */
  now: number
}

/**
 * The first that is present and not empty wins, in the order of the fields, so that a reconnecting EventSource (whose URL
 * still says `since=10m`) goes on instead of starting over. @throws HubError `invalid-query`
 */
export function parseStart({ lastEventId, since, last, now }: StartRequest): Start | undefined {
  if (lastEventId) return { kind: 'cursor', text: lastEventId.slice(0, 128), cursor: parseCursor(lastEventId) }
  if (since) return parseSince(since, now)
  if (last) {
    const count = /^\d{1,6}$/.test(last) ? Number(last) : Number.NaN
    if (!(count >= 1 && count <= MAX_LAST)) {
      throw new HubError('invalid-query', `last is a whole number from 1 to ${MAX_LAST}, for example last=10.`, {
        pointer: '/last',
      })
    }
    return { kind: 'last', count }
  }
  return undefined
}

function parseSince(since: string, now: number): Start {
  if (since === 'now' || since === 'earliest') return { kind: since }
  const cursor = parseCursor(since)
  if (cursor) return { kind: 'cursor', text: since, cursor }
  const duration = parseDuration(since)
  if (duration !== undefined) return { kind: 'time', text: since, received: now - duration }
  // An unescaped + of a time zone arrives as a space.
  const time = since.replace(/ (\d{2}:\d{2})$/, '+$1')
  if (isTime(time)) return { kind: 'time', text: since, received: Date.parse(time) }
  throw new HubError(
    'invalid-query',
    'since is now, earliest, a cursor, a time such as 2026-11-22T12:00:00Z, or a duration such as 10m.',
    { pointer: '/since' },
  )
}

/** `toldHorizon` as in `Subscription.start`. */
export type Begin = (position: number, toldHorizon: number, deliveries: readonly Delivery[]) => void

/**
 * Turns what was asked for into a place in this log and calls `begin` once with it: at once where the answer is in memory
 * (nothing is returned then), else when the promise resolves. A long search stops when nobody wants its answer any more.
 */
export function resolveStart(
  log: EventLog,
  filter: Filter,
  start: Start | undefined,
  begin: Begin,
  wanted: () => boolean = () => true,
): Promise<void> | undefined {
  switch (start?.kind) {
    case undefined:
    case 'now':
      begin(log.head, 0, [openAfter(log.head)])
      return undefined
    case 'earliest':
      begin(log.oldest - 1, log.horizon(filter).offset, [openAfter(log.oldest - 1)])
      return undefined
    case 'cursor': {
      const position = start.cursor && log.generations.resolve(start.cursor, log.head)
      if (position === undefined) beginUnknown(log, start.text, begin)
      else begin(position, 0, [openAfter(position)])
      return undefined
    }
    case 'time':
      return beginAt(log, filter, start, begin)
    case 'last':
      return beginLast(log, filter, start.count, begin, wanted)
  }
}

function openAfter(position: number): Delivery {
  return { kind: 'open', position, adopt: true }
}

/** A cut between the two must not make the client take the head for its own place: only the gap carries it. */
function beginUnknown(log: EventLog, requested: string, begin: Begin): void {
  begin(log.head, 0, [
    { kind: 'open', position: log.head, adopt: false },
    { kind: 'gap', requested, resumedFrom: log.head, reason: 'unknown' },
  ])
}

async function beginAt(
  log: EventLog,
  filter: Filter,
  { text, received }: { text: string; received: number },
  begin: Begin,
): Promise<void> {
  const position = await log.seek(received)
  const horizon = log.horizon(filter)
  if (horizon.offset === 0 || horizon.received < received) begin(position, horizon.offset, [openAfter(position)])
  else begin(position, horizon.offset, expired(text, position))
}

function expired(requested: string, position: number): Delivery[] {
  return [
    { kind: 'open', position, adopt: false },
    { kind: 'gap', requested, resumedFrom: position, reason: 'expired' },
  ]
}

/** Only the place is looked for: the events themselves are read again in pages, so memory stays bounded. */
async function beginLast(
  log: EventLog,
  filter: Filter,
  count: number,
  begin: Begin,
  wanted: () => boolean,
): Promise<void> {
  const head = log.head
  let before = head + 1
  let position = head
  let damaged = false
  for (let missing = count; missing > 0 && before > 1 && !damaged && wanted(); ) {
    const page = await log.readLast(before, filter, { events: missing, bytes: LAST_STEP_BYTES })
    missing -= page.events.length
    if (page.events[0]) position = page.events[0].offset - 1
    before = page.position
    damaged = page.damaged
  }
  const { offset } = log.horizon(filter)
  if (damaged) begin(position, offset, expired(`last=${count}`, position))
  else begin(position, offset, [openAfter(position)])
}
