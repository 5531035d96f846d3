import { EVENT_OVERHEAD_BYTES, type StoredEvent } from './event.ts'
import type { EventLog } from './event-log.ts'
import type { Filter } from './filter.ts'
import { resolveStart, type Start } from './start.ts'

export interface HistoryPage {
  /** Oldest first. */
  events: StoredEvent[]
  /** Go on after this. */
  cursor: string
  /** There may be more after `cursor`. */
  hasMore: boolean
  /** Events between the start that was asked for and the last one here are gone; without a start, older ones that would be here. */
  truncated: boolean
}

/** Where the memory of pages is counted while they are read: a page is there whole before its first byte is sent. */
export interface PageRoom {
  /** `look` looks into the log once, for a page that weighs `bytes` so far. It may wait for its turn, or be refused. */
  step<T>(bytes: number, look: () => Promise<T>): Promise<T>
}

export interface HistoryQuery {
  filter: Filter
  start: Start | undefined
  limit: number
}

/** `bytes` of all events together, before the last one. */
export const MAX_PAGE_BYTES = 2 * 1024 * 1024
/** `bytes` of the events of one look-up, before the last one. */
export const STEP_BYTES = 256 * 1024
/** Look-ups in the log for one answer from a start: a rare type in a long log is found over several requests. */
const MAX_STEPS = 64

/** A page of history: after the start, or without one the newest `limit`. */
export async function readHistory(
  log: EventLog,
  { filter, start, limit }: HistoryQuery,
  room: PageRoom,
): Promise<HistoryPage> {
  if (!start || start.kind === 'now') return newest(log, filter, limit, room)
  if (start.kind === 'last') return newest(log, filter, Math.min(limit, start.count), room)
  const { position: from, toldHorizon, truncated } = await begin(log, filter, start)
  const events: StoredEvent[] = []
  let position = from
  let bytes = 0
  let gap = truncated
  const head = log.head
  for (let step = 0; step < MAX_STEPS && position < head && events.length < limit && bytes < MAX_PAGE_BYTES; step++) {
    const most = { events: limit - events.length, bytes: Math.min(STEP_BYTES, MAX_PAGE_BYTES - bytes) }
    const page = await room.step(weight(bytes, events.length), () => log.read(position, filter, most))
    if (page.lostUpTo > position || (page.horizon.offset > position && page.horizon.offset > toldHorizon)) gap = true
    for (const event of page.events) bytes += event.bytes
    events.push(...page.events)
    position = page.position
  }
  return { events, cursor: log.generations.cursor(position), hasMore: position < log.head, truncated: gap }
}

async function newest(log: EventLog, filter: Filter, limit: number, room: PageRoom): Promise<HistoryPage> {
  const head = log.head
  const pages: StoredEvent[][] = []
  let count = 0
  let bytes = 0
  let before = head + 1
  let damaged = false
  // To the end: a page without a start has no cursor to go on backwards from, and each step is short.
  while (!damaged && before > 1 && count < limit && bytes < MAX_PAGE_BYTES) {
    const most = { events: limit - count, bytes: Math.min(STEP_BYTES, MAX_PAGE_BYTES - bytes) }
    const page = await room.step(weight(bytes, count), () => log.readLast(before, filter, most))
    pages.push(page.events)
    count += page.events.length
    for (const event of page.events) bytes += event.bytes
    before = page.position
    damaged = page.damaged
  }
  return {
    events: pages.reverse().flat(),
    cursor: log.generations.cursor(head),
    hasMore: log.head > head,
    truncated: damaged,
  }
}

function weight(bytes: number, events: number): number {
  return bytes + events * EVENT_OVERHEAD_BYTES
}

async function begin(
  log: EventLog,
  filter: Filter,
  start: Start,
): Promise<{ position: number; toldHorizon: number; truncated: boolean }> {
  let begun = { position: log.head, toldHorizon: 0, truncated: false }
  await resolveStart(log, filter, start, (position, toldHorizon, deliveries) => {
    begun = { position, toldHorizon, truncated: deliveries.some((delivery) => delivery.kind === 'gap') }
  })
  return begun
}
