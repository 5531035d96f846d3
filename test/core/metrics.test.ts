import { afterEach, expect, test } from 'bun:test'
import type { ClosedStream } from '../../src/core/closed-stream.ts'
import type { Counts } from '../../src/core/counts.ts'
import type { Distribution } from '../../src/core/distribution.ts'
import { parseFilter } from '../../src/core/filter.ts'
import { Hub } from '../../src/core/hub.ts'
import { byLocal } from '../support/by-local.ts'
import { draft, memoryHub, testLimits, unforeseen } from '../support/hub.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { eventsOf, ready, takeUntil } from '../support/reader.ts'

const everything = parseFilter([], [])
const clock = new ManualClock()

let close = async (): Promise<void> => {}
afterEach(() => close())

async function opened(...options: Parameters<typeof memoryHub>) {
  const at = await memoryHub(options[0], options[1], clock)
  close = at.close
  return at.hub
}

const countOf = (counts: Counts<[never]> | Counts<readonly string[]>, ...labels: string[]): number =>
  [...(counts as Counts<readonly string[]>)].find((each) => each.labels.join() === labels.join())?.count ?? 0
const observed = ({ counts }: Distribution): number => counts.reduce((sum, count) => sum + count)

test('what is published and handed to readers is counted, by kind, once for each reader', async () => {
  const hub = await opened()
  const readers = (['sse', 'sse', 'ndjson'] as const).map((kind) =>
    hub.subscribe({ ...byLocal, kind, filter: everything, start: undefined }),
  )
  hub.follow({ filter: everything, start: undefined })
  for (const reader of readers) reader.take(1)
  await hub.publish([draft('a', 'one'), draft('a', 'two')])
  for (const reader of readers) reader.take(1 << 20)
  expect(hub.metrics).toMatchObject({
    publishedEvents: 2,
    publishedBytes: 2 * draft('a', 'one').bytes,
    delivered: { sse: 4, ndjson: 2, mcp: 0, hub: 0 },
  })
  expect(hub.gauges()).toMatchObject({ connections: { sse: 2, ndjson: 1, mcp: 0 }, queuedBytes: 0, audiences: 1 })
  readers[0]!.close('client-gone')
  expect(hub.gauges().connections).toEqual({ sse: 1, ndjson: 1, mcp: 0 })
})

test('a place that is no subscription is a connection of MCP until it is given back', async () => {
  const hub = await opened()
  const leave = hub.occupy(byLocal, { queuedBytes: 0, end: () => {} })
  expect(hub.gauges().connections.mcp).toBe(1)
  leave('max-age')
  leave('max-age')
  expect(hub.gauges().connections.mcp).toBe(0)
  expect(countOf(hub.metrics.closed, 'max-age')).toBe(1)
})

test('what waits for a reader is in the queue until it is taken, and its delay is from the commit to there', async () => {
  const hub = await opened()
  const reader = hub.subscribe({ ...byLocal, filter: everything, start: undefined })
  reader.take(1)
  await hub.publish([draft('a', 'one')])
  expect(hub.gauges().queuedBytes).toBeGreaterThan(0)
  clock.pass(700)
  reader.take(1)
  expect(hub.gauges().queuedBytes).toBe(0)
  const { seconds } = hub.metrics.deliveryDelay
  expect([observed(seconds), seconds.sum]).toEqual([1, 0.7])
})

test('a replay is counted by where it came from, and has no delay', async () => {
  const hub = await opened({ tailBytes: 2000 })
  await hub.publish(Array.from({ length: 100 }, (_, index) => draft('a', String(index))))
  const reader = hub.subscribe({ ...byLocal, filter: everything, start: { kind: 'earliest' } })
  await takeUntil(reader, (taken) => eventsOf(taken).length === 100)
  const { tail, log } = hub.metrics.replayedEvents
  expect([tail + log >= 100, log > 0, hub.metrics.replayedPages.log > 0]).toEqual([true, true, true])
  expect(observed(hub.metrics.deliveryDelay.seconds)).toBe(0)
})

test('gaps, falling back and the reason of an end are counted under their names', async () => {
  const hub = await opened({ maxQueueBytes: 1000 })
  const lost = hub.subscribe({
    ...byLocal,
    filter: everything,
    start: { kind: 'cursor', text: 'x', cursor: undefined },
  })
  lost.take(1)
  const slow = hub.subscribe({ ...byLocal, filter: everything, start: undefined })
  slow.take(1)
  for (let index = 0; index < 20; index++) await hub.publish([draft('a', 'x'.repeat(100))])
  // One that takes nothing is thrown back once: after that it has no queue that could be full.
  expect(hub.metrics.fellBack).toBe(2)
  slow.close('slow-consumer')
  slow.close('client-gone')
  const { gaps, closed } = hub.metrics
  expect([countOf(gaps, 'unknown'), countOf(gaps, 'expired')]).toEqual([1, 0])
  expect([countOf(closed, 'slow-consumer'), countOf(closed, 'client-gone')]).toEqual([1, 0])
})

test('the end of a client’s stream is told with what it read; that of the hub’s own part is not', async () => {
  const { log, close: closeLog } = await memoryHub()
  const told: ClosedStream[] = []
  const options = {
    log,
    clock,
    limits: testLimits,
    report: unforeseen,
    closed: (stream: ClosedStream) => told.push(stream),
  }
  const hub = await Hub.open(options)
  close = async () => {
    hub.close()
    await closeLog()
  }
  hub.follow({ filter: everything, start: undefined }).close('client-gone')
  const reader = hub.subscribe({ ...byLocal, kind: 'sse', filter: everything, start: undefined })
  reader.take(1)
  reader.wrote(70)
  await hub.publish([draft('a', 'one')])
  await ready(reader)
  reader.take(1)
  reader.wrote(30)
  clock.pass(2500)
  reader.close('grants-changed')
  expect(told).toEqual([
    { id: reader.id, kind: 'sse', principal: 'local', reason: 'grants-changed', ms: 2500, events: 1, bytes: 100 },
  ])
})

test('an event loop that comes late to its timer is seen, on time is no lag', async () => {
  const hub = await opened()
  clock.pass(1000)
  expect(hub.metrics.loopLag.sum).toBe(0)
  clock.pass(1400)
  expect(hub.metrics.loopLag.sum).toBeCloseTo(0.4)
  expect(observed(hub.metrics.loopLag)).toBe(2)
})
