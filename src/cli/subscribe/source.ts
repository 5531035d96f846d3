import { parseCursor } from '../../core/cursor.ts'
import type { StreamItem } from '../client/follow.ts'
import { history } from '../client/history.ts'
import type { HubClient } from '../client/hub-client.ts'

/** What a subscriber takes, in order: of the stream, or of the log. `place`: the start, if it may be another hub's. */
export type Taken = StreamItem | { kind: 'truncated'; place: string | undefined }

/** What the log holds now, in the shape of a stream that then ends. */
export async function* held(
  hub: HubClient,
  query: URLSearchParams,
  signal: AbortSignal,
): AsyncGenerator<readonly Taken[]> {
  try {
    for await (const { events, truncated, cursor } of history(hub, query, signal)) {
      const items: Taken[] = truncated ? [{ kind: 'truncated', place: strange(query.get('since'), cursor) }] : []
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

/** `since` if it is a cursor of another epoch than `cursor`: of another hub, or of an earlier time of this one. */
function strange(since: string | null, cursor: string): string | undefined {
  const asked = parseCursor(since ?? '')
  return asked && asked.epoch !== parseCursor(cursor)?.epoch ? since! : undefined
}
