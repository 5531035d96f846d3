import { afterEach, beforeEach, expect, test } from 'bun:test'
import type { CloseReason } from '../../../src/core/close-reason.ts'
import { ALL_GRANTS } from '../../../src/core/grants.ts'
import type { Hub } from '../../../src/core/hub.ts'
import { LOCAL } from '../../../src/core/principal.ts'
import { EventFeed } from '../../../src/mcp/events/event-feed.ts'
import { OfferedTypes } from '../../../src/mcp/events/offered-types.ts'
import { draftOf } from '../../support/draft.ts'
import { memoryHub } from '../../support/hub.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'

const MAX_AGE_MS = 60_000

let clock: ManualClock
let hub: Hub
let close: () => Promise<void>
beforeEach(async () => {
  clock = new ManualClock()
  const opened = await memoryHub({ maxAgeMs: MAX_AGE_MS, maxStallMs: 10 * MAX_AGE_MS }, {}, clock)
  hub = opened.hub
  close = opened.close
})
afterEach(() => close())

/** One whose reader is slow: its subscription has ended of age, and nothing was taken since. */
async function aged(): Promise<EventFeed> {
  const selection = new OfferedTypes([]).select('topic.event', { topic: '**' }, ALL_GRANTS)!
  const caller = { principal: LOCAL, address: '' }
  const place = { start: undefined, truncated: false }
  const feed = new EventFeed({ hub, clock }, caller, selection, place)
  expect(feed.take().map(({ kind }) => kind)).toEqual(['active'])
  clock.pass(2 * MAX_AGE_MS)
  await until('the subscription to end of age', () => hub.connections === 0)
  return feed
}

test('goes on with another subscription when one has ended of age, and tells nobody', async () => {
  const feed = await aged()
  expect(feed.take()).toEqual([])
  expect([feed.ended, hub.connections]).toEqual([undefined, 1])
  await hub.publish([draftOf('a', '1')])
  await until('the event', () => feed.take().some(({ kind }) => kind === 'event'))
  feed.close('client-gone')
})

test('27: does not go on when its client left before it had taken that the subscription ended of age', async () => {
  const feed = await aged()
  feed.close('client-gone')
  expect(feed.take()).toEqual([])
  expect([feed.ended, hub.connections]).toEqual(['client-gone', 0])
})

test.each<CloseReason>(['grants-changed', 'credential-revoked', 'credential-expired'])(
  '47: says so, and does not go on, when %s meets one that has ended of age',
  async (reason) => {
    const feed = await aged()
    feed.close(reason)
    expect(feed.take()).toEqual([{ kind: 'terminated', reason }])
    expect([feed.ended, hub.connections]).toEqual([reason, 0])
  },
)

test('its first end counts', async () => {
  const feed = await aged()
  feed.take()
  feed.close('credential-revoked')
  feed.close('client-gone')
  expect(feed.take()).toEqual([{ kind: 'terminated', reason: 'credential-revoked' }])
})
