import { expect, test } from 'bun:test'
import { LOCAL } from '../../../src/core/principal.ts'
import { recentTopics } from '../../../src/mcp/catalogue/recent-topics.ts'
import { damagedLog, type Stretch, stretchOf } from '../../support/damaged-log.ts'
import { draftOf } from '../../support/draft.ts'
import { anyRoom } from '../../support/page-room.ts'

test('over a log with a damaged page the recent topics are those of what is newer, and not all there are', async () => {
  let lost: Stretch = { from: 0, to: 0 }
  const topicOf = (offset: number) => `t/${Math.ceil(offset / 100)}`
  using damaged = await damagedLog({ count: 3_000, draft: (offset) => draftOf(topicOf(offset), '"x"') }, (pages) => {
    const leaf = pages.leaves('events').find(({ rows }) => rows.at(-1)!.key >= 2_500)!
    lost = stretchOf(leaf)
    pages.smash(leaf)
  })
  const reading = () => ({ room: anyRoom, release: () => {} })
  const found = await recentTopics({ hub: { log: damaged.log }, reading }, LOCAL)
  const oldest = Math.ceil((lost.to + 1) / 100)
  const newer = Array.from({ length: 31 - oldest }, (_, index) => `t/${30 - index}`)
  expect(found.topics.map(({ topic }) => topic)).toEqual(newer)
  expect(found.complete).toBe(false)
  await damaged.log.close()
})
