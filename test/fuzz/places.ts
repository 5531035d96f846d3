import { HubError } from '../../src/core/errors.ts'
import type { Hub } from '../../src/core/hub.ts'
import { LOCAL } from '../../src/core/principal.ts'

/** Among the connections of a hub of these tests. */
export const PLACES = 1000

/** How many are taken: all others are, for a moment. Streams that are no subscriptions show nowhere else. */
export function takenPlaces(hub: Hub): number {
  const leave: ReturnType<Hub['occupy']>[] = []
  const stream = { queuedBytes: 0, end: () => {} }
  try {
    while (leave.length <= PLACES) leave.push(hub.occupy({ principal: LOCAL, address: '' }, stream))
  } catch (error) {
    if (!(error instanceof HubError) || error.code !== 'overloaded') throw error
  }
  for (const each of leave) each('done')
  return PLACES - leave.length
}
