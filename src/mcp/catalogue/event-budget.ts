import { eventCursor, type StoredEvent } from '../../core/event.ts'
import { clippedEvent, type ShownEvent, wholeEvent } from './shown-event.ts'
import type { ToolResult } from './tool.ts'

export interface FittedEvents {
  shown: ShownEvent[]
  /** How many there was no room for. */
  left: number
}

interface Weighed {
  event: StoredEvent
  /** `undefined` when it is too long to be looked at. */
  whole: ShownEvent | undefined
  /** As JSON, with its comma: all of it, and clipped to nothing where that is less. */
  wholeBytes: number
  leastBytes: number
}

/**
 * The events as at most `bytes` of JSON, commas included. What short ones leave goes to the long ones, and these are
 * clipped to the same length. If even their heads do not fit, the `first` ones or the `last` ones are shown: in 2.5 KiB at
 * least one, whose names have a quote at every character.
 */
export function fitEvents(events: readonly StoredEvent[], bytes: number, kept: 'first' | 'last'): FittedEvents {
  const weighed: Weighed[] = []
  let rest = bytes
  for (let number = 0; number < events.length; number++) {
    const each = weigh(events[kept === 'first' ? number : events.length - 1 - number]!, bytes)
    if (each.leastBytes > rest) break
    rest -= each.leastBytes
    weighed.push(each)
  }
  if (kept === 'last') weighed.reverse()
  const share = fairShare(weighed, rest)
  const shown = weighed.map(({ event, whole, wholeBytes, leastBytes }) =>
    whole && wholeBytes - leastBytes <= share ? whole : clippedEvent(event, share),
  )
  return { shown, left: events.length - shown.length }
}

/** What each may have above its least, so that all of them together have at most `rest`. */
function fairShare(weighed: readonly Weighed[], rest: number): number {
  const wanted = weighed.map(({ wholeBytes, leastBytes }) => wholeBytes - leastBytes).sort((a, b) => a - b)
  let left = rest
  for (const [index, bytes] of wanted.entries()) {
    const share = Math.floor(left / (wanted.length - index))
    if (bytes > share) return share
    left -= bytes
  }
  return Number.POSITIVE_INFINITY
}

function weigh(event: StoredEvent, bytes: number): Weighed {
  // Data that is longer than everything may be is not parsed to find that out.
  const whole = event.data.length <= bytes ? wholeEvent(event) : undefined
  const wholeBytes = whole ? weight(whole) : Number.POSITIVE_INFINITY
  return { event, whole, wholeBytes, leastBytes: Math.min(wholeBytes, weight(clippedEvent(event, 0))) }
}

function weight(shown: ShownEvent): number {
  return Buffer.byteLength(JSON.stringify(shown)) + 1
}

/** Links besides a result; all of them are in it, as `clipped.resource`. */
const MOST_LINKS = 5

export function linksOf(shown: readonly ShownEvent[]): NonNullable<ToolResult<unknown>['links']> {
  return shown
    .flatMap(({ clipped, cursor }) =>
      clipped ? { uri: clipped.resource, name: `event ${cursor}`, description: 'The event whole.' } : [],
    )
    .slice(0, MOST_LINKS)
}

/** The place after the last one that is shown, of events that did not all fit. */
export function cursorAfter(events: readonly StoredEvent[], { shown }: FittedEvents): string | undefined {
  const last = events[shown.length - 1]
  return last && eventCursor(last)
}
