import { eventCursor } from '../../core/event.ts'
import { STEP_BYTES } from '../../core/history.ts'
import type { Hub } from '../../core/hub.ts'
import type { Principal } from '../../core/principal.ts'
import { readable } from './readable.ts'
import { type Reading, withRoom } from './reading.ts'

/** In a list of resources, which clients show whole. */
export const MOST_TOPICS = 50
/** How far back is looked for them: a client asks with every start. */
const MOST_EVENTS = 2000
const MOST_LOOKS = 8

export interface RecentTopic {
  topic: string
  lastCursor: string
  /** When the hub received its newest event, RFC 3339. */
  lastTime: string
}

export interface RecentTopics {
  /** The most recently active first. */
  topics: RecentTopic[]
  /** These are all there are. */
  complete: boolean
}

export interface RecentTopicsOptions {
  hub: Pick<Hub, 'log'>
  reading: (principal: Principal) => Reading
}

/**
 * The topics of the newest events that `principal` may read. Of events, not of the list of topics: that one knows no order of
 * time, and counts what is of other types. @throws HubError `forbidden`, `overloaded`
 */
export async function recentTopics(
  { hub: { log }, reading }: RecentTopicsOptions,
  principal: Principal,
): Promise<RecentTopics> {
  const filter = readable({}, principal.grants)
  const found = new Map<string, RecentTopic>()
  let before = log.head + 1
  let events = 0
  await withRoom(reading, principal, async (room) => {
    for (
      let looks = 0;
      looks < MOST_LOOKS && before > 1 && events < MOST_EVENTS && found.size <= MOST_TOPICS;
      looks++
    ) {
      const most = { events: MOST_EVENTS - events, bytes: STEP_BYTES }
      const page = await room.step(0, () => log.readLast(before, filter, most))
      for (const event of page.events.reverse()) {
        if (found.has(event.topic)) continue
        const lastTime = new Date(event.received).toISOString()
        found.set(event.topic, { topic: event.topic, lastCursor: eventCursor(event), lastTime })
      }
      events += page.events.length
      before = page.position
      if (page.damaged) break
    }
  })
  return {
    topics: [...found.values()].slice(0, MOST_TOPICS),
    complete: before <= 1 && found.size <= MOST_TOPICS,
  }
}
