import type { EventDocument } from '../../src/core/event.ts'

interface HistoryPage {
  events: EventDocument[]
  cursor: string
  hasMore: boolean
  truncated: boolean
}

/** Everything the hub at `url` keeps after `since` that `query` (topics, types) matches, oldest first, page by page. */
export async function historyOf(url: string, since: string, query = ''): Promise<EventDocument[]> {
  const events: EventDocument[] = []
  for (let from = since, more = true; more; ) {
    const answer = await fetch(`${url}/events?format=json&limit=1000&since=${from}${query && `&${query}`}`)
    if (!answer.ok) throw new Error(`History since ${from}: ${answer.status} ${await answer.text()}`)
    const page = (await answer.json()) as HistoryPage
    if (page.truncated) throw new Error(`History since ${from} is truncated.`)
    events.push(...page.events)
    from = page.cursor
    more = page.hasMore
  }
  return events
}
