import { expect, test } from 'bun:test'
import { runCommand, startCommand } from '../support/command.ts'
import { problem, type Received, scriptedHub } from '../support/scripted-hub.ts'
import { tempDir } from '../support/temp-dir.ts'
import { until } from '../support/until.ts'

const receipt = { id: 'evt_abc_1', cursor: 'abc.1', topic: 'orders/42', type: 'message', time: '2026-11-22T12:00:00Z' }

/** Answers a batch as the hub does. */
function accepted({ body }: Received): Response {
  const events = body
    .trim()
    .split('\n')
    .map(() => ({ ...receipt }))
  return Response.json({ events, cursor: `abc.${events.length}` }, { status: 201 })
}

async function publish(url: string, args: readonly string[], stdin = '', env: Record<string, string> = {}) {
  using dir = tempDir()
  return await runCommand(['publish', ...args], { cwd: dir.path, env: { MCP_SSE_URL: url, ...env }, stdin })
}

test('the data goes as it is to the topic’s own address, with type, id and key', async () => {
  await using hub = scriptedHub(() => Response.json(receipt, { status: 201 }))
  const args = ['orders/a b/42', '{"n": 1.0}', '--type', 'order.paid', '--id', 'x 1']
  expect(await publish(hub.url, args, '', { MCP_SSE_KEY: 'secret' })).toEqual({
    stdout: 'abc.1  orders/42  message\n',
    stderr: '',
    exitCode: 0,
  })
  const [request] = hub.requests
  expect(request).toMatchObject({ method: 'POST', path: '/events/orders/a%20b/42', body: '{"n": 1.0}' })
  expect([...request!.query]).toEqual([
    ['type', 'order.paid'],
    ['id', 'x 1'],
  ])
  expect(request!.headers.get('authorization')).toBe('Bearer secret')
})

test('- sends all of stdin without the line break of echo, and --json prints the receipt', async () => {
  await using hub = scriptedHub(() => Response.json({ ...receipt, duplicate: true }))
  const { stdout } = await publish(hub.url, ['t', '-', '--json'], 'one\ntwo\n')
  expect(hub.requests[0]?.body).toBe('one\ntwo')
  expect(JSON.parse(stdout)).toEqual({ ...receipt, duplicate: true })
})

test('--lines makes an event of every line, JSON with its exact text', async () => {
  await using hub = scriptedHub(accepted)
  const { stdout } = await publish(
    hub.url,
    ['logs', '-', '--lines', '--type', 'line'],
    '  in "quotes"\r\n\n12345678901234567890\nlast',
  )
  expect(new Set(hub.requests.map(({ path, headers }) => `${path} ${headers.get('content-type')}`))).toEqual(
    new Set(['/events application/x-ndjson']),
  )
  expect(hub.requests.map(({ body }) => body).join('')).toBe(
    '{"topic":"logs","type":"line","data":"  in \\"quotes\\""}\n{"topic":"logs","type":"line","data":12345678901234567890}\n{"topic":"logs","type":"line","data":"last"}\n',
  )
  expect(stdout).toStartWith('3 events published  abc.')
})

test('--ndjson puts topic and type only into objects that have none, and leaves the rest untouched', async () => {
  await using hub = scriptedHub(accepted)
  await publish(
    hub.url,
    ['t', '-', '--ndjson', '--type', 'k'],
    '{"data": 1.50}\n{"topic":"own","data":2}\n{"topic":"a","type":"b","data":3}\n{}\n',
  )
  expect(hub.requests.flatMap(({ body }) => body.trim().split('\n'))).toEqual([
    '{"topic":"t","type":"k","data": 1.50}',
    '{"type":"k","topic":"own","data":2}',
    '{"topic":"a","type":"b","data":3}',
    '{"topic":"t","type":"k"}',
  ])
})

test.each(['a//b', '/a', 'a/', './a', 'a/../b', '..'])(
  'the topic %s, which no URL can say, goes in an event object',
  async (topic) => {
    await using hub = scriptedHub(() => Response.json({ ...receipt, topic }, { status: 201 }))
    const args = [topic, '{"n": 1.0}', '--type', 'k', '--id', 'x 1']
    expect(await publish(hub.url, args)).toEqual({ stdout: `abc.1  ${topic}  message\n`, stderr: '', exitCode: 0 })
    expect(hub.requests[0]).toMatchObject({
      method: 'POST',
      path: '/events',
      body: `{"topic":"${topic}","type":"k","id":"x 1","data":{"n": 1.0}}`,
    })
    expect(hub.requests[0]?.headers.get('content-type')).toBe('application/json')
    expect(hub.requests[0]?.query.size).toBe(0)
  },
)

test('a topic that only looks like a step goes to its own address', async () => {
  await using hub = scriptedHub(() => Response.json(receipt, { status: 201 }))
  await publish(hub.url, ['a/.../%2e%2e', 'x'])
  expect(hub.requests[0]?.path).toBe('/events/a/.../%252e%252e')
})

test('many lines go in order, in requests of at most 1000 events and 8 MiB', async () => {
  await using hub = scriptedHub(accepted)
  const many = Array.from({ length: 2500 }, (_, index) => `${index}`)
  const large = Array.from({ length: 50 }, (_, index) => JSON.stringify(`${index}`.padEnd(240_000, 'x')))
  const { stdout } = await publish(hub.url, ['t', '-', '--lines', '--json'], [...many, ...large].join('\n'))
  expect(JSON.parse(stdout)).toMatchObject({ events: 2550, duplicates: 0 })
  const bodies = hub.requests.map(({ body }) => body)
  const lines = bodies.flatMap((body) => body.trim().split('\n'))
  expect(lines.map((line) => String(JSON.parse(line).data).replace(/x+$/, ''))).toEqual([
    ...many,
    ...large.map((_, index) => `${index}`),
  ])
  expect(Math.max(...bodies.map((body) => body.trim().split('\n').length))).toBeLessThanOrEqual(1000)
  expect(Math.max(...bodies.map((body) => Buffer.byteLength(body)))).toBeLessThanOrEqual(8 * 1024 * 1024)
})

test('a line of a slow source is published before the next one comes', async () => {
  await using hub = scriptedHub(accepted)
  using dir = tempDir()
  let push!: (text: string) => void
  let end!: () => void
  const stdin = new ReadableStream<Uint8Array>({
    start(controller) {
      push = (text) => controller.enqueue(new TextEncoder().encode(text))
      end = () => controller.close()
    },
  })
  const child = startCommand(['publish', 't', '-', '--lines', '--url', hub.url], { cwd: dir.path, stdin })
  push('one\ntw')
  await until('the first line is published', () => hub.requests.length === 1)
  push('o\n')
  await until('the second line is published', () => hub.requests.length === 2)
  end()
  expect(await child.exited).toBe(0)
  expect(hub.requests.map(({ body }) => JSON.parse(body).data)).toEqual(['one', 'two'])
})

test('a refused batch is tried again when the hub is overloaded, and nothing is sent twice when it is not', async () => {
  await using hub = scriptedHub((request, index) =>
    index === 0 ? problem(503, 'overloaded', 'Come back.', { 'retry-after': '0' }) : accepted(request),
  )
  expect(await publish(hub.url, ['t', '-', '--lines'], 'a\n')).toMatchObject({ exitCode: 0 })
  expect(hub.requests).toHaveLength(2)
})

test('a refusal is the hub’s own sentence with its code, and where it stopped', async () => {
  await using hub = scriptedHub(() => problem(400, 'invalid-event', 'Line 2 has no data.'))
  expect(await publish(hub.url, ['t', 'x'])).toEqual({
    stdout: '',
    stderr: 'mcp-sse: Line 2 has no data. [invalid-event]\nTry: mcp-sse publish --help\n',
    exitCode: 1,
  })
  expect((await publish(hub.url, ['t', '-', '--lines'], 'x\n')).stderr).toBe(
    'mcp-sse: In the request that began with line 1: Line 2 has no data. [invalid-event]\nmcp-sse: Nothing was published.\nTry: mcp-sse publish --help\n',
  )
})

test.each([
  [503, 'overloaded', 'curl URL/readyz'],
  [401, 'unauthorized', 'MCP_SSE_KEY=<key> mcp-sse publish <topic> <data> --url URL'],
  [403, 'forbidden', 'MCP_SSE_KEY=<key> mcp-sse publish <topic> <data> --url URL'],
])('a refusal with %d (%s) ends in something to type', async (status, code, hint) => {
  await using hub = scriptedHub(() => problem(status, code, 'No.'))
  const { stderr } = await publish(hub.url, ['t', 'x'])
  expect(stderr).toBe(`mcp-sse: No. [${code}]\nTry: ${hint.replace('URL', hub.url)}\n`)
})

test('a line that is too long ends in something to type', async () => {
  await using hub = scriptedHub(accepted)
  const { stderr, exitCode } = await publish(hub.url, ['t', '-', '--lines'], 'x'.repeat(8 * 1024 * 1024 + 1))
  expect(exitCode).toBe(1)
  expect(stderr).toBe(
    'mcp-sse: Line 1 is longer than 8 MiB; the data of an event has at most 252 KiB.\nmcp-sse: Nothing was published.\nTry: mcp-sse publish --help\n',
  )
})

test('a line that is no event object ends it, after what came before was published', async () => {
  await using hub = scriptedHub(accepted)
  const { stderr, exitCode } = await publish(
    hub.url,
    ['t', '-', '--ndjson'],
    '{"data":1}\n{"data":2}\nnonsense\n{"data":3}\n',
  )
  expect(exitCode).toBe(2)
  expect(stderr).toStartWith(
    'mcp-sse: Line 3 is not an event object such as {"data": 1}.\nmcp-sse: Before that 2 events were published, up to abc.2.\n',
  )
})

test('a bad line ends it although more may come on stdin', async () => {
  await using hub = scriptedHub(accepted)
  using dir = tempDir()
  const stdin = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode('[1]\n')),
  })
  const child = startCommand(['publish', 't', '-', '--ndjson', '--url', hub.url], { cwd: dir.path, stdin })
  expect(await child.exited).toBe(2)
})

test('without a hub the failure says so and what to start', async () => {
  const { stderr, exitCode } = await publish('http://127.0.0.1:1', ['t', 'x'])
  expect(exitCode).toBe(1)
  // The code is Bun's, which says ECONNREFUSED or ConnectionRefused.
  expect(stderr.replace(/ \(E?Conn\w+\)/i, '')).toBe(
    'mcp-sse: No hub answers at http://127.0.0.1:1.\nTry: mcp-sse serve, or name the hub with --url\n',
  )
})

test('an answer that is not a hub’s is shown, and a redirect is not followed with the key', async () => {
  await using other = scriptedHub(() => new Response('<h1>Bad gateway</h1>', { status: 502 }))
  const { stderr } = await publish(other.url, ['t', 'x'])
  expect(stderr).toContain('answered 502')
  expect(stderr).toEndWith('\nTry: mcp-sse topics --url http://127.0.0.1:3000\n')
  await using moved = scriptedHub(() => new Response(null, { status: 308, headers: { location: other.url } }))
  const before = other.requests.length
  expect((await publish(moved.url, ['t', 'x'])).stderr).toBe(
    `mcp-sse: The hub has moved to ${other.url}/.\nTry: mcp-sse topics --url ${other.url}\n`,
  )
  expect(other.requests).toHaveLength(before)
})

test.each([
  [
    'text',
    'Welcome to the\u001b[31m network',
    '200 OK, which is not the answer of a hub: Welcome to the\\u{1b}[31m network',
  ],
  ['other JSON', '{"ok":true}', '200 OK, which is not the answer of a hub: {"ok":true}'],
  ['null', 'null', '200 OK, which is not the answer of a hub: null'],
  ['nothing', '', '200 OK, which is not the answer of a hub: nothing'],
])('a success that is %s is said to be no answer of a hub, of one event and of many', async (_, body, says) => {
  await using other = scriptedHub(() => new Response(body))
  for (const [args, path] of [
    [['t', 'x'], '/events/t'],
    [['t', '-', '--lines'], '/events'],
  ] as const) {
    const { stdout, stderr, exitCode } = await publish(other.url, args, 'x\n')
    expect([stdout, exitCode]).toEqual(['', 1])
    expect(stderr).toStartWith(`mcp-sse: ${other.url}${path} answered ${says}\n`)
    expect(stderr).toEndWith('\nTry: mcp-sse topics --url http://127.0.0.1:3000\n')
  }
})

test('stdin that is not UTF-8 is refused', async () => {
  await using hub = scriptedHub(accepted)
  using dir = tempDir()
  const stdin = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new Uint8Array([0x61, 0xff, 0x0a]))
      controller.close()
    },
  })
  const child = startCommand(['publish', 't', '-', '--url', hub.url], { cwd: dir.path, stdin })
  expect(await new Response(child.stderr).text()).toStartWith('mcp-sse: stdin is not UTF-8 text.')
  expect(await child.exited).toBe(1)
  expect(hub.requests).toEqual([])
})
