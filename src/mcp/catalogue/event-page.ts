import * as z from 'zod'
import { type HistoryPage, MAX_PAGE_BYTES } from '../../core/history.ts'
import { cursorAfter, fitEvents } from './event-budget.ts'
import { gapNotes, TRUNCATED } from './gap-note.ts'
import { shownEvent } from './shown-event.ts'

/** A page of history as a model is shown it. */
export const eventPage = z.strictObject({
  events: z.array(shownEvent).describe('The events, oldest first.'),
  cursor: z.string().describe('Go on from here: pass it as since to read_events or wait_for_event.'),
  hasMore: z.boolean().describe('There may be more after cursor now, also when events is empty.'),
  truncated: z.boolean().describe(TRUNCATED),
  note: z.string().optional().describe('What else there is to know about this answer.'),
})

export type EventPage = z.output<typeof eventPage>

/** Everything of a page but its events. */
export const ENVELOPE_BYTES = 1024
/** The head of any event fits, so that a page shows at least one and a reader always gets on. */
export const LEAST_PAGE_BYTES = 4 * 1024
export const PAGE_BYTES = 32 * 1024
export const MOST_PAGE_BYTES = 256 * 1024

/** A topic that is misspelt is one that nothing has come to: without this a model waits for it without end. */
const NOTHING =
  'No event that is kept matches. A topic without * means that one alone, orders/** means all below orders; list_topics names those there are.'
const OLDER_DAMAGED = 'Older events may be missing: the log is damaged below the oldest one here.'

export interface PageShape {
  /** Of a start, to go on from; else the newest, up to now. */
  forward: boolean
  /** Of its JSON. */
  bytes: number
  /** The start is no place in this log: what is missing is not known to be gone. */
  unknown?: boolean
}

export function shownPage(page: HistoryPage, { forward, bytes, unknown = false }: PageShape): EventPage {
  const { events, truncated } = page
  const fitted = fitEvents(events, bytes - ENVELOPE_BYTES, forward ? 'first' : 'last')
  const cut = forward && fitted.left > 0
  const notes: string[] = []
  if (truncated && forward) notes.push(gapNotes[unknown ? 'unknown' : 'expired'])
  if (truncated && !forward) notes.push(OLDER_DAMAGED)
  if (!forward && (fitted.left > 0 || endedBySize(page))) {
    notes.push(
      'Older events that match were left out, there is no room for them; ask for less at once, or read from a since.',
    )
  }
  if (!forward && events.length === 0 && !page.hasMore && !truncated) notes.push(NOTHING)
  return {
    events: fitted.shown,
    cursor: (cut && cursorAfter(events, fitted)) || page.cursor,
    hasMore: cut || page.hasMore,
    truncated,
    ...(notes.length > 0 ? { note: notes.join(' ') } : {}),
  }
}

function endedBySize({ events }: HistoryPage): boolean {
  return events.reduce((bytes, event) => bytes + event.bytes, 0) >= MAX_PAGE_BYTES
}
