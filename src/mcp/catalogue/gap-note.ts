import type { GapReason } from '../../core/delivery.ts'

/** What a model is told of a gap: what helps is another thing for each reason. */
export const gapNotes: Record<GapReason, string> = {
  expired: 'Events after since are gone: the hub no longer keeps them. What follows begins later.',
  unknown:
    'since is not a cursor of this hub\'s log (any more), so nothing was read from there. Call read_events with since: "earliest" for all that is kept, or without since for the newest events.',
}

/** Of the field `truncated`. */
export const TRUNCATED =
  'Events that were asked for are missing here: no longer kept, or since is not of this log; note says which.'
