import { heapStats } from 'bun:jsc'
import { expect, test } from 'bun:test'
import { LOCAL } from '../../src/core/principal.ts'
import { batchLimit, readBody } from '../../src/http/body.ts'
import { ByteRoom } from '../../src/http/byte-room.ts'
import { mediaTypeOf } from '../../src/http/media-type.ts'
import { until } from '../support/until.ts'

test('a body that comes byte by byte weighs what its bytes do, and not an object or two for each', async () => {
  const pieces = 50_000
  const room = new ByteRoom({ bytes: pieces * 2, what: 'bodies are arriving' })
  const finish = Promise.withResolvers<void>()
  let sent = 0
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (sent === pieces) await finish.promise
        if (sent < pieces) controller.enqueue(new Uint8Array([0x61 + (sent++ % 26)]))
        else controller.close()
      },
    },
    { highWaterMark: 0 },
  )
  const request = new Request('http://localhost/events', { method: 'POST', body })
  const before = objects()
  const read = readBody(request, {
    limit: batchLimit,
    media: mediaTypeOf(request),
    timeoutMs: 30_000,
    holding: room.holding(LOCAL),
  })
  await until('all but the end', () => room.held === pieces)
  expect(objects() - before).toBeLessThan(pieces / 10)
  finish.resolve()
  const { text, release } = await read
  expect(text).toBe(Array.from({ length: pieces }, (_, n) => String.fromCharCode(0x61 + (n % 26))).join(''))
  release()
  expect(room.held).toBe(0)
})

function objects(): number {
  Bun.gc(true)
  return heapStats().objectCount
}
