import { expect, test } from 'bun:test'
import { streamMemory } from '../../support/stream-memory.ts'

const STREAMS = 500
const MOST_KIB = 25

test(`${STREAMS} listeners cost at most ${MOST_KIB} KiB each, and what they cost is given back to the next`, async () => {
  const { each, left } = await streamMemory({
    streams: STREAMS,
    method: 'subscriptions/listen',
    params: (index) => ({ notifications: { resourceSubscriptions: [`events://topics/t/${index}`] } }),
    first: 'acknowledged',
  })
  expect(each).toBeLessThanOrEqual(MOST_KIB)
  expect(left).toBeLessThan(STREAMS * MOST_KIB)
}, 180_000)
