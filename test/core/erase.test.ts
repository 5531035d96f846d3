import { expect, test } from 'bun:test'
import { parseFilter } from '../../src/core/filter.ts'
import type { Subscription } from '../../src/core/subscription.ts'
import { byLocal } from '../support/by-local.ts'
import { draft, memoryHub } from '../support/hub.ts'
import { anyRoom } from '../support/page-room.ts'
import { eventsOf, takeUntil } from '../support/reader.ts'

const everything = parseFilter([], [])
const seenLast = (taken: Parameters<typeof eventsOf>[0]): boolean =>
  eventsOf(taken).some((event) => event.data === 'last')

async function dataOf(subscription: Subscription): Promise<string[]> {
  return eventsOf(await takeUntil(subscription, seenLast)).map((event) => event.data)
}

test('what waits for a live reader when it is erased is not delivered, and what is around it is', async () => {
  const { hub, log, close } = await memoryHub()
  const subscription = hub.subscribe({ ...byLocal, filter: everything, start: undefined })
  subscription.take(1)
  await hub.publish([draft('a', 'before')])
  const [receipt] = await hub.publish([draft('a', 'SECRET'), draft('a', 'beside')])
  await hub.publish([draft('a', 'last')])
  expect(await log.erase({ offset: receipt!.offset })).toBe(1)
  expect(await dataOf(subscription)).toEqual(['before', 'beside', 'last'])
  await close()
})

test('what was read for a reader, or is being read, when it is erased is not delivered', async () => {
  const { hub, log, close } = await memoryHub({ tailBytes: 0 })
  await hub.publish([draft('a', 'before'), draft('secret', 'SECRET'), draft('a', 'last')])
  const readers = Array.from({ length: 5 }, () =>
    hub.subscribe({ ...byLocal, filter: everything, start: { kind: 'earliest' } }),
  )
  const history = hub.history({ filter: everything, start: { kind: 'earliest' }, limit: 10 }, anyRoom)
  expect(await log.erase({ topic: 'secret' })).toBe(1)
  for (const reader of readers) expect(await dataOf(reader)).toEqual(['before', 'last'])
  expect((await history).events.map((event) => event.data)).not.toContain('SECRET')
  await close()
})

test('what the tail holds when it is erased is not replayed from it', async () => {
  const { hub, log, close } = await memoryHub()
  await hub.publish([draft('a', 'before'), draft('secret', 'SECRET'), draft('a', 'last')])
  await log.erase({ topic: 'secret' })
  const reader = hub.subscribe({ ...byLocal, filter: everything, start: { kind: 'earliest' } })
  expect(await dataOf(reader)).toEqual(['before', 'last'])
  await close()
})

test('a commit that waits for its pass when it is erased is not offered', async () => {
  const { hub, log, close } = await memoryHub({ connections: 5_000 })
  const readers = Array.from({ length: 2_100 }, () =>
    hub.subscribe({ ...byLocal, filter: everything, start: undefined }),
  )
  for (const reader of readers) reader.take(1)
  const publishing = [hub.publish([draft('a', 'before')]), hub.publish([draft('secret', 'SECRET')])]
  await Bun.sleep(0)
  await log.erase({ topic: 'secret' })
  publishing.push(hub.publish([draft('a', 'last')]))
  await Promise.all(publishing)
  expect(await dataOf(readers.at(-1)!)).not.toContain('SECRET')
  await close()
})
