import { eventJson, type StoredEvent } from '../core/event.ts'
import type { Hub } from '../core/hub.ts'
import type { AnswerRoom, Answers, Asking } from './answers.ts'
import { count } from './parameters.ts'
import type { StreamQuery } from './stream-query.ts'

export const HISTORY_LIMIT = 100
export const MAX_HISTORY_LIMIT = 1000

/**
 * `GET /events?format=json`: `{events, cursor, hasMore, truncated}`, oldest first. `since=<cursor>` goes on where a page
 * ended; without a start it is the newest `limit`. @throws HubError `invalid-query`, `overloaded`
 */
export function historyPage(
  { hub, answers }: { hub: Pick<Hub, 'history'>; answers: Answers },
  { parameters, filter, start }: StreamQuery,
  asking: Asking,
): Promise<Response> {
  const limit = count(parameters, 'limit', HISTORY_LIMIT, MAX_HISTORY_LIMIT)
  return answers.answer(asking, async (room) => {
    const { events, cursor, hasMore, truncated } = await hub.history({ filter, start, limit }, room)
    return `{"events":[${eventsJson(events, room)}],"cursor":"${cursor}","hasMore":${hasMore},"truncated":${truncated}}`
  })
}

/**
 * Not JSON.stringify of documents: the data of an event keeps the text it was sent as. Text with control characters is six
 * times as long as JSON, so it is counted as it grows.
 */
function eventsJson(events: readonly StoredEvent[], room: AnswerRoom): string {
  const texts: string[] = []
  let bytes = 0
  for (const event of events) {
    const text = eventJson(event)
    bytes += text.length
    room.hold(bytes)
    texts.push(text)
  }
  return texts.join(',')
}
