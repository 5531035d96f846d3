import { parseExact } from './exact-json.ts'
import { hubDocument } from './hub-answer.ts'
import type { HubClient } from './hub-client.ts'

const PAGE_EVENTS = 1000

interface HistoryDocument {
  events: unknown[]
  cursor: string
  hasMore: boolean
  truncated: boolean
}

export interface HistoryChunk {
  events: readonly unknown[]
  /** Events between where this began and its first event are gone. */
  truncated: boolean
  /** Where the next chunk goes on. */
  cursor: string
}

/** What the log holds now for `query`, page by page. Without a start it is the newest 100. */
export async function* history(
  hub: HubClient,
  query: URLSearchParams,
  signal?: AbortSignal,
): AsyncGenerator<HistoryChunk> {
  const asked = new URLSearchParams(query)
  asked.set('format', 'json')
  const started = asked.has('since') || asked.has('last')
  if (started) asked.set('limit', String(PAGE_EVENTS))
  while (true) {
    const response = await hub.request('/events', { query: asked, ...(signal ? { signal } : {}) })
    const { events, cursor, hasMore, truncated } = await hubDocument<HistoryDocument>(response, 'events', parseExact)
    yield { events, truncated, cursor }
    if (!hasMore || !asked.has('since') || asked.get('since') === 'now') return
    asked.set('since', cursor)
  }
}
