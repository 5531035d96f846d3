import { expect, test } from 'bun:test'
import { streamMemory } from '../../support/stream-memory.ts'

const STREAMS = 1000
const MOST_KIB = 25

test(`${STREAMS} open streams of events cost at most ${MOST_KIB} KiB each, and what they cost is given back to the next`, async () => {
  const { each, left } = await streamMemory({
    streams: STREAMS,
    method: 'events/stream',
    params: (index) => ({ name: 'topic.event', arguments: { topic: `t/${index}` } }),
    first: 'notifications/events/active',
  })
  expect(each).toBeLessThanOrEqual(MOST_KIB)
  expect(left).toBeLessThan(STREAMS * MOST_KIB)
}, 180_000)
