import type { Clock } from '../../core/clock.ts'
import type { Filter } from '../../core/filter.ts'
import type { Hub } from '../../core/hub.ts'
import { placeOf } from '../../core/place.ts'

export interface Beginning {
  /** Where a new subscription begins. */
  cursor: string
  /** That is later than it was asked for. */
  truncated: boolean
}

/** What is kept no more is said by `truncated`, so that no notice of a gap has to follow. */
export async function beginningOf(
  asked: { cursor: string | null; maxAgeMs: number | undefined },
  filter: Filter,
  { hub, clock }: { hub: Pick<Hub, 'log' | 'cursor'>; clock: Pick<Clock, 'now'> },
): Promise<Beginning> {
  const { log } = hub
  const { start, truncated } = await placeOf(asked, hub, clock)
  if (!start) return { cursor: hub.cursor(log.head), truncated: false }
  const position = start.cursor && log.generations.resolve(start.cursor, log.head)
  if (position === undefined) return { cursor: hub.cursor(log.head), truncated: true }
  const horizon = log.horizon(filter).offset
  return { cursor: hub.cursor(Math.max(position, horizon)), truncated: truncated || horizon > position }
}
