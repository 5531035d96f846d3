import type { StreamItem } from '../follow.ts'
import { history } from '../history.ts'
import type { HubClient } from '../hub-client.ts'

/** What a subscriber takes, in order: of the stream, or of the log. */
export type Taken = StreamItem | { kind: 'truncated' }

/** What the log holds now, in the shape of a stream that then ends. */
export async function* held(
  hub: HubClient,
  query: URLSearchParams,
  signal: AbortSignal,
): AsyncGenerator<readonly Taken[]> {
  try {
    for await (const { events, truncated, cursor } of history(hub, query, signal)) {
      const items: Taken[] = truncated ? [{ kind: 'truncated' }] : []
      for (const event of events as { cursor: string }[]) {
        items.push({ kind: 'event', json: JSON.stringify(event), cursor: event.cursor })
      }
      items.push({ kind: 'position', cursor })
      yield items
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
