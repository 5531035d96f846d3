import { eventJson } from '../core/event.ts'
import type { Hub } from '../core/hub.ts'
import { jsonAnswer } from './json-answer.ts'
import { count } from './parameters.ts'
import type { StreamQuery } from './stream-query.ts'

export const HISTORY_LIMIT = 100
export const MAX_HISTORY_LIMIT = 1000

/**
 * `GET /events?format=json`: `{events, cursor, hasMore, truncated}`, oldest first. `since=<cursor>` goes on where a page
 * ended; without a start it is the newest `limit`. @throws HubError `invalid-query`
 */
export async function historyPage(
  hub: Pick<Hub, 'history'>,
  { parameters, filter, start }: StreamQuery,
): Promise<Response> {
  const limit = count(parameters, 'limit', HISTORY_LIMIT, MAX_HISTORY_LIMIT)
  const { events, cursor, hasMore, truncated } = await hub.history({ filter, start, limit })
  // Not JSON.stringify of documents: the data of an event keeps the text it was sent as.
  const body = `{"events":[${events.map(eventJson).join(',')}],"cursor":"${cursor}","hasMore":${hasMore},"truncated":${truncated}}`
  return jsonAnswer(body)
}
