import type { StoredEvent } from './event.ts'
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
  /** Events between the start that was asked for and the first one here are gone. */
  truncated: boolean
}

const MAX_PAGE_BYTES = 8 * 1024 * 1024
/** Look-ups in the log for one answer from a start: a rare type in a long log is found over several requests. */
const MAX_STEPS = 64

/** A page of history: after the start, or without one the newest `limit`. */
export async function readHistory(
  log: EventLog,
  { filter, start, limit }: { filter: Filter; start: Start | undefined; limit: number },
): Promise<HistoryPage> {
  if (!start || start.kind === 'now') return newest(log, filter, limit)
  if (start.kind === 'last') return newest(log, filter, Math.min(limit, start.count))
  const { position: from, toldHorizon, truncated } = await begin(log, filter, start)
  const events: StoredEvent[] = []
  let position = from
  let bytes = 0
  let gap = truncated
  const head = log.head
  for (let step = 0; step < MAX_STEPS && position < head && events.length < limit && bytes < MAX_PAGE_BYTES; step++) {
    const page = await log.read(position, filter, { events: limit - events.length, bytes: MAX_PAGE_BYTES - bytes })
    if (page.horizon.offset > position && page.horizon.offset > toldHorizon) gap = true
    for (const event of page.events) bytes += event.bytes
    events.push(...page.events)
    position = page.position
  }
  return { events, cursor: log.generations.cursor(position), hasMore: position < log.head, truncated: gap }
}

async function newest(log: EventLog, filter: Filter, limit: number): Promise<HistoryPage> {
  const head = log.head
  const pages: StoredEvent[][] = []
  let count = 0
  let bytes = 0
  let before = head + 1
  // To the end: a page without a start has no cursor to go on backwards from, and each step is short.
  while (before > 1 && count < limit && bytes < MAX_PAGE_BYTES) {
    const page = await log.readLast(before, filter, { events: limit - count, bytes: MAX_PAGE_BYTES - bytes })
    pages.push(page.events)
    count += page.events.length
    for (const event of page.events) bytes += event.bytes
    before = page.position
  }
  return {
    events: pages.reverse().flat(),
    cursor: log.generations.cursor(head),
    hasMore: log.head > head,
    truncated: false,
  }
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
