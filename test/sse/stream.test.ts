import { expect, test } from 'bun:test'
import { createParser } from 'eventsource-parser'
import { parseFilter } from '../../src/core/filter.ts'
import { Formats, type StreamFacts } from '../../src/sse/format.ts'
import { MAX_CHUNK_BYTES, Stream } from '../../src/sse/stream.ts'
import { byLocal } from '../support/by-local.ts'
import { draft, memoryHub } from '../support/hub.ts'

const format = new Formats().get({ kind: 'sse', envelope: false, control: true, heartbeatEvent: false })

async function opened(limits: Parameters<typeof memoryHub>[0] = {}) {
  const { hub, close } = await memoryHub(limits)
  const facts: StreamFacts = { cursor: hub.cursor }
  const subscription = hub.subscribe({ ...byLocal, filter: parseFilter([], []), start: undefined })
  return { hub, close, subscription, chunks: new Stream(subscription, format, facts, 2_000) }
}

test('what waits goes out as one chunk', async () => {
  const { hub, close, subscription, chunks } = await opened()
  const first = await chunks.next()
  expect(new TextDecoder().decode(first.value!)).toMatch(/^: .*\$open.*\n\n$/s)
  for (let index = 0; index < 5; index++) await hub.publish([draft('a', String(index))])
  const { value } = await chunks.next()
  expect(new TextDecoder().decode(value!).match(/data: /g)).toHaveLength(5)
  subscription.close('client-gone')
  await close()
})

test('no chunk is larger than the limit, not of a large queue nor of one large batch, and nothing is lost by the cutting', async () => {
  for (const maxQueueBytes of [16 * 1024 * 1024, 64 * 1024]) {
    const { hub, close, chunks } = await opened({ maxQueueBytes, tailBytes: 16 * 1024 * 1024 })
    await chunks.next()
    await hub.publish(Array.from({ length: 40 }, (_, index) => draft('a', `${index}:${'ü'.repeat(50_000)}`)))
    const seen: number[] = []
    const parser = createParser({ onEvent: ({ data }) => seen.push(Number.parseInt(data, 10)) })
    const decoder = new TextDecoder()
    while (seen.length < 40) {
      const { value } = await chunks.next()
      expect(value!.byteLength).toBeLessThanOrEqual(MAX_CHUNK_BYTES)
      parser.feed(decoder.decode(value!, { stream: true }))
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, index) => index))
    await close()
  }
})

test('two readers are handed the very same bytes', async () => {
  const { hub, close, chunks } = await opened()
  const facts: StreamFacts = { cursor: hub.cursor }
  const other = new Stream(
    hub.subscribe({ ...byLocal, filter: parseFilter([], []), start: undefined }),
    format,
    facts,
    2_000,
  )
  await Promise.all([chunks.next(), other.next()])
  await hub.publish([draft('a', 'x'), draft('b', 'y')])
  expect((await chunks.next()).value).toBe((await other.next()).value!)
  await close()
})

test('a consumer that stops in the middle closes the subscription', async () => {
  const { hub, close, subscription, chunks } = await opened()
  await chunks.next()
  await chunks.return()
  expect(subscription.closeReason).toBe('client-gone')
  expect(hub.connections).toBe(0)
  await close()
})

test('a closed subscription ends a stream that waits, with the reason as its last frame', async () => {
  const { close, subscription, chunks } = await opened()
  await chunks.next()
  const waiting = chunks.next()
  subscription.close('max-age')
  expect(new TextDecoder().decode((await waiting).value!)).toMatch(
    /^retry: \d+\n\nevent: \$closing\ndata: {"reason":"max-age"/,
  )
  expect((await chunks.next()).done).toBe(true)
  await close()
})
