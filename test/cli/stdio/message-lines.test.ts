import { expect, test } from 'bun:test'
import { type InputLine, messageLines } from '../../../src/cli/stdio/message-lines.ts'

async function linesOf(chunks: readonly (string | Uint8Array)[], maxBytes = 64) {
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks)
        controller.enqueue(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk)
      controller.close()
    },
  })
  const lines: InputLine[] = []
  for await (const line of messageLines(stream, new AbortController().signal, maxBytes)) lines.push(line)
  return lines
}

test('lines are found however the bytes are cut, the last one also without its end', async () => {
  const bytes = new TextEncoder().encode('{"a":"ü"}\r\n\n  \n{"b":1}\n{"c":2}')
  const texts = ['{"a":"ü"}', '{"b":1}', '{"c":2}'].map((text) => ({ kind: 'line', text }))
  for (const size of [1, 2, 5, bytes.length]) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.slice(i * size, (i + 1) * size),
    )
    expect(await linesOf(chunks)).toEqual(texts as InputLine[])
  }
})

test('a line of exactly the most bytes passes, and one byte more is refused with the id of its request', async () => {
  const line = (bytes: number) => {
    const text = (pad: string) => `{"method":"m","params":{"pad":"${pad}"},"id":7}`
    return text('x'.repeat(bytes - text('').length))
  }
  const lines = await linesOf([`${line(64)}\n${line(65)}\n{"id":8}\n`])
  expect(lines).toEqual([
    { kind: 'line', text: line(64) },
    expect.objectContaining({ kind: 'refused', code: -32600, id: 7 }),
    { kind: 'line', text: '{"id":8}' },
  ])
})

test('bytes that are not UTF-8 spoil their own line only', async () => {
  const lines = await linesOf([new Uint8Array([0x7b, 0xff, 0x7d, 0x0a]), '{"id":8}\n'])
  expect(lines).toEqual([
    expect.objectContaining({ kind: 'refused', code: -32700, id: null }),
    { kind: 'line', text: '{"id":8}' },
  ])
})

test('no more is read of the stream than lines are asked for', async () => {
  let pulled = 0
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        controller.enqueue(new TextEncoder().encode(`{"id":${++pulled}}\n`))
      },
    },
    { highWaterMark: 0 },
  )
  const stop = new AbortController()
  const lines = messageLines(stream, stop.signal)
  for (let i = 0; i < 3; i++) await lines.next()
  await Bun.sleep(0)
  expect(pulled).toBe(3)
  stop.abort()
  expect((await lines.next()).done).toBe(true)
})
