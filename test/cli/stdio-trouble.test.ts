import { expect, test } from 'bun:test'
import { bridgeCommand, call, INITIALIZED, initialize, startBridge, stateless } from '../support/bridge.ts'
import { freePort } from '../support/port.ts'
import { problem } from '../support/scripted-hub.ts'
import { SdkServer } from '../support/sdk-server.ts'
import { secret } from '../support/secrets.ts'
import { until } from '../support/until.ts'

test('without a hub every request is told so, stderr says it once, and a hub that starts later is used', async () => {
  const port = freePort()
  const url = `http://127.0.0.1:${port}`
  await using bridge = startBridge(url)
  bridge.send(initialize(), INITIALIZED, call(1, 'echo'), stateless(2, 'tools/list'))
  const said = `No hub answers at ${url}; start it with: mcp-sse serve`
  for (const id of [0, 1, 2]) expect((await bridge.answer(id)).error).toEqual({ code: -32000, message: said })
  await until('the word on it', () => bridge.stderr() === `mcp-sse: ${said}\n`)
  await using server = new SdkServer(port)
  bridge.send(initialize(3), INITIALIZED, call(4, 'echo'))
  expect((await bridge.answer(4)).result).toBeDefined()
  await server.stop()
  // By its stream of notifications: a call could go by a connection of which the bridge does not know yet that it is gone.
  await until('the bridge to know it', () => bridge.stderr() !== `mcp-sse: ${said}\n`)
  bridge.send(call(5, 'echo'))
  expect((await bridge.answer(5)).error.message).toBe(said)
  await bridge.end()
  expect(bridge.stderr()).toBe(`mcp-sse: ${said}\n`.repeat(2))
})

test('a refused key is said in the hub words with what to type, and shows up nowhere', async () => {
  const key = secret('a refused key', 'mcpsse_')
  await using server = new SdkServer()
  // A hub does not send back what it was sent; whatever else listens there may.
  server.intercept = ({ headers }) =>
    problem(401, 'credential-invalid', `The key is not known: ${headers.get('authorization')}.`)
  await using bridge = startBridge(server.url, { env: { MCP_SSE_KEY: key } })
  bridge.send(initialize(), call(1, 'echo'))
  const sentence = `The key is not known: Bearer (key). [credential-invalid] Try: MCP_SSE_KEY=<key> mcp-sse stdio --url ${server.url}`
  for (const id of [0, 1]) {
    expect((await bridge.answer(id)).error).toEqual({ code: -32000, message: sentence, data: { status: 401 } })
  }
  await bridge.end()
  expect(bridge.stderr()).toBe(`mcp-sse: ${sentence}\n`)
  expect(server.requests[0]!.headers.get('authorization')).toBe(`Bearer ${key}`)
})

test.each([
  [403, 'forbidden', 'MCP_SSE_KEY=<key> mcp-sse stdio --url '],
  // Advice of no use to a model is left out.
  [413, 'body-too-large', undefined],
  [429, 'rate-limited', 'curl '],
  [503, 'overloaded', 'curl '],
])('the reason of a %d reaches whoever waits for the answer', async (status, code, hint) => {
  await using server = new SdkServer()
  server.intercept = () => problem(status, code, 'It is so because of that.')
  await using bridge = startBridge(server.url)
  bridge.send(stateless(1, 'tools/list'))
  const { error } = await bridge.answer(1)
  const said = `It is so because of that. [${code}]`
  if (hint) expect(error.message).toStartWith(`${said} Try: ${hint}`)
  else expect(error.message).toBe(said)
  expect(error.data).toEqual({ status })
  expect(server.requests).toHaveLength(1)
})

test('a hub that says when to come back is asked again, so often and no longer', async () => {
  await using server = new SdkServer()
  let refusals = 2
  server.intercept = () =>
    refusals-- > 0 ? problem(503, 'overloaded', 'Too much.', { 'retry-after': '0' }) : undefined
  await using bridge = startBridge(server.url)
  bridge.send(stateless(1, 'tools/list'))
  expect((await bridge.answer(1)).result.tools).toHaveLength(3)
  refusals = 100
  bridge.send(stateless(2, 'tools/list'))
  expect((await bridge.answer(2)).error.message).toStartWith('Too much. [overloaded]')
  expect(server.requests).toHaveLength(3 + 4)
  server.intercept = () => problem(503, 'draining', 'Come tomorrow.', { 'retry-after': '3600' })
  bridge.send(stateless(3, 'tools/list'))
  expect((await bridge.answer(3)).error.message).toStartWith('Come tomorrow.')
  expect(server.requests).toHaveLength(3 + 4 + 1)
})

test('a JSON-RPC error that comes with an HTTP status goes to the request it is for', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  bridge.send(call(1, 'echo'), stateless(2, 'no/such'))
  expect((await bridge.answer(1)).error).toEqual({ code: -32000, message: 'No session' })
  expect((await bridge.answer(2)).error.code).toBe(-32601)
})

test.each([
  ['a page', () => new Response('<h1>hello</h1>', { headers: { 'content-type': 'text/html' } }), '200 with text/html'],
  [
    'a thing made',
    () => Response.json({ id: 'evt_1', cursor: 'a.1' }, { status: 201 }),
    '201 with JSON that is no JSON-RPC',
  ],
  ['a result without jsonrpc', () => Response.json({ id: 0, result: {} }), '200 with JSON that is no JSON-RPC'],
  ['nothing', () => new Response(null, { status: 201 }), '201 with nothing'],
])('an answer that is not of MCP is said to be none: %s', async (_, answer, what) => {
  await using server = new SdkServer()
  server.intercept = answer
  await using bridge = startBridge(server.url)
  bridge.send(initialize())
  expect((await bridge.answer(0)).error.message).toBe(
    `No MCP hub answers at ${server.url}/mcp: ${what}, which is not the answer of a hub. Check MCP_SSE_URL (or --url).`,
  )
})

test('a notification that was taken for something else is said on stderr', async () => {
  await using server = new SdkServer()
  server.intercept = (_, body) =>
    body.includes('"id"') ? undefined : Response.json({ cursor: 'a.1' }, { status: 201 })
  await using bridge = startBridge(server.url)
  bridge.send(initialize(), INITIALIZED, call(1, 'echo'))
  await bridge.answer(1)
  await bridge.end()
  expect(bridge.stderr()).toContain('201 with no sign that it took a notification, which is not the answer of a hub')
})

test('a connection that breaks before the answer says that it may have been done', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  bridge.send(stateless(1, 'tools/call', { name: 'hang' }))
  await until('the call', () => server.hanging === 1)
  await server.stop()
  expect((await bridge.answer(1)).error.message).toContain('may have been done or not')
})

test('a line that is no message is answered as one, and the next one is read as if nothing had been', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  bridge.write('{"jsonrpc":"2.0","id":1,\n')
  bridge.write('"text"\n[]\n')
  bridge.write(new Uint8Array([0x22, 0xc3, 0x28, 0x22, 0x0a]))
  bridge.send(stateless(2, 'tools/list'))
  await bridge.answer(2)
  expect(bridge.lines.map(({ id, error }) => [id, error?.code])).toEqual([
    [null, -32700],
    [null, -32600],
    [null, -32600],
    [null, -32700],
    [2, undefined],
  ])
})

test('a line above 4 MiB is refused by its id, or on stderr without one', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  const pad = 'x'.repeat(1024 * 1024)
  const huge = (mebibytes: number, end: string) => {
    bridge.write('{"jsonrpc":"2.0","method":"tools/call","params":{"name":"echo","arguments":{"a":"')
    for (let i = 0; i < mebibytes; i++) bridge.write(pad)
    bridge.write(`"}}${end}\n`)
  }
  huge(3, ',"id":1}')
  huge(5, ',"id":"late"}')
  huge(5, '}')
  bridge.send(stateless(2, 'tools/list'))
  await bridge.answer(2)
  expect((await bridge.answer('late')).error).toMatchObject({
    code: -32600,
    message: expect.stringContaining('4194304'),
  })
  expect((await bridge.answer(1)).error.message).toBe('No session')
  await bridge.end()
  expect(bridge.stderr()).toContain('longer than the 4194304')
})

test('of 65 requests at once the last one waits, and so do all requests behind it', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  const calls = Array.from({ length: 64 }, (_, id) => stateless(id, 'tools/call', { name: 'hang' }))
  bridge.send(...calls, stateless(64, 'tools/list'), stateless(65, 'tools/list'))
  await until('64 calls', () => server.hanging === 64)
  expect(server.requests).toHaveLength(64)
  server.release()
  for (let id = 0; id <= 65; id++) expect((await bridge.answer(id)).result).toBeDefined()
})

test('a cancellation passes the requests that wait, and one that is cancelled while it waits is never asked', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  const calls = Array.from({ length: 64 }, (_, id) => stateless(id, 'tools/call', { name: 'hang' }))
  bridge.send(...calls, stateless(64, 'tools/list'), stateless(65, 'tools/list'))
  await until('64 calls', () => server.hanging === 64)
  for (const requestId of [64, 0]) {
    bridge.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } })
  }
  expect((await bridge.answer(65)).result).toBeDefined()
  expect(bridge.lines).toHaveLength(1)
  expect(server.requests).toHaveLength(65)
})

test('when 1,024 requests wait, the rest of stdin waits with them, and all are answered', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  const calls = Array.from({ length: 64 }, (_, id) => stateless(id, 'tools/call', { name: 'hang' }))
  const lists = Array.from({ length: 1100 }, (_, id) => stateless(`list ${id}`, 'tools/list'))
  bridge.send(...calls, ...lists)
  await until('64 calls', () => server.hanging === 64)
  bridge.write('this is no message\n')
  expect(server.requests).toHaveLength(64)
  expect(bridge.lines).toEqual([])
  server.release()
  for (const { id } of lists) expect((await bridge.answer(id)).result).toBeDefined()
  await bridge.line('the refusal of what is no message', ({ error }) => error?.code === -32700)
})

test.each(['subscriptions/listen', 'events/stream'])(
  'of 65 %s at once the last one is refused, because none of the others may ever end',
  async (method) => {
    await using server = new SdkServer()
    server.intercept = (_, body) => (body.includes('events/stream') ? endless() : undefined)
    await using bridge = startBridge(server.url)
    bridge.send(...Array.from({ length: 65 }, (_, id) => stateless(id, method, { notifications: {} })))
    expect((await bridge.answer(64)).error).toMatchObject({
      code: -32000,
      message: expect.stringContaining('Cancel one'),
    })
    bridge.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 0 } })
    bridge.send(stateless(70, 'tools/list'))
    expect((await bridge.answer(70)).result).toBeDefined()
    expect((await bridge.end()).exitCode).toBe(0)
  },
)

function endless(): Response {
  const stream = new ReadableStream({ start: (controller) => controller.enqueue(': \n\n') })
  return new Response(stream, { headers: { 'content-type': 'text/event-stream' } })
}

test('a hub that knows no session on GET is asked again at once only the first time', async () => {
  await using server = new SdkServer()
  const asked: number[] = []
  const note = { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } }
  server.intercept = ({ method }) => {
    if (method !== 'GET') return undefined
    asked.push(performance.now())
    if (asked.length > 1) return problem(404, 'session-unknown', 'There is no such session.')
    // Who waits after this one waits for 15 s at least; a session that is made anew begins with a wait of its own.
    const frames = `retry: 60000\n\ndata: ${JSON.stringify(note)}\n\n`
    return new Response(frames, { headers: { 'content-type': 'text/event-stream' } })
  }
  await using bridge = startBridge(server.url)
  bridge.send(initialize(), INITIALIZED)
  await bridge.line('the wait to be known', ({ method }) => method === note.method)
  // It asks for the stream now.
  bridge.send(INITIALIZED)
  await until('the one of the session that is made anew', () => asked.length > 2, 12_000)
  const [second, third] = await until('the one after that', () => (asked.length > 3 ? asked.slice(2) : undefined))
  // Half of the 1000 ms that the wait begins with, less the timer's own error.
  expect(third! - second!).toBeGreaterThan(490)
})

test.each(['SIGTERM', 'SIGINT'] as const)('%s ends it with the session, whatever is under way', async (signal) => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  bridge.send(initialize(), INITIALIZED, call(1, 'hang'))
  await until('the call', () => server.hanging === 1)
  // Without the signal it would never end.
  expect(await bridge.signal(signal)).toBe(0)
  await until('the session to be ended', () => server.sessions.size === 0)
})

test('the end of stdin ends it also when the hub does not answer', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  bridge.send(initialize(), INITIALIZED, call(1, 'hang'))
  await until('the call', () => server.hanging === 1)
  server.intercept = () => new Promise<Response>(() => {})
  const { exitCode, ms } = await bridge.end()
  expect(exitCode).toBe(0)
  // It takes 1.7 s; a request that is not given up takes a minute.
  expect(ms).toBeLessThan(20_000)
})

test('a client that reads no more ends it with the session, though stdin stays open', async () => {
  await using server = new SdkServer()
  const { command, args = [], env } = bridgeCommand(server.url)
  const child = Bun.spawn(['sh', '-c', '{ "$@"; echo "exit $?" >&2; } | head -n 1', 'sh', command, ...args], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  try {
    child.stdin.write(`${JSON.stringify(initialize())}\n`)
    child.stdin.flush()
    await until('the session', () => server.sessions.size === 1)
    child.stdin.write(`${JSON.stringify(INITIALIZED)}\n${JSON.stringify(call(1, 'echo'))}\n`)
    child.stdin.flush()
    expect(await new Response(child.stderr).text()).toBe('exit 0\n')
    await until('the session to be ended', () => server.sessions.size === 0)
  } finally {
    child.kill('SIGKILL')
  }
})

test('a client that reads nothing holds the hub up, not our memory, and does not keep it from ending', async () => {
  await using server = new SdkServer()
  let sent = 0
  const message = {
    jsonrpc: '2.0',
    method: 'notifications/message',
    params: { level: 'info', data: 'x'.repeat(60_000) },
  }
  const frame = new TextEncoder().encode(`data: ${JSON.stringify(message)}\n\n`)
  server.intercept = ({ method }) => {
    if (method !== 'GET') return undefined
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      sent += frame.length
      controller.enqueue(frame)
    }
    const headers = { 'content-type': 'text/event-stream' }
    return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), { headers })
  }
  const { command, args = [], env } = bridgeCommand(server.url)
  // The shell's own process is the reader that does not read, and the bridge its child.
  const script = 'exec 3<&0; { "$@" <&3 & echo $! >&2; wait $!; echo "exit $?" >&2; } | sleep 60'
  const child = Bun.spawn(['sh', '-c', script, 'sh', command, ...args], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'pipe',
    detached: true,
  })
  try {
    const stderr = child.stderr.getReader()
    const next = async () =>
      Buffer.from((await stderr.read()).value ?? [])
        .toString()
        .trim()
    const pid = Number(await next())
    child.stdin.write(`${JSON.stringify(initialize())}\n${JSON.stringify(INITIALIZED)}\n`)
    child.stdin.flush()
    let before = -1
    await until('the stream to stand', async () => {
      const stands = sent > 0 && sent === before
      before = sent
      await Bun.sleep(300)
      return stands
    })
    expect(sent).toBeLessThan(64 * 1024 * 1024)
    process.kill(pid, 'SIGTERM')
    expect(await next()).toBe('exit 0')
    await until('the session to be ended', () => server.sessions.size === 0)
  } finally {
    process.kill(-child.pid, 'SIGKILL')
  }
})

test('a URL that is none ends it as a usage error before anything is read', async () => {
  await using bridge = startBridge('ftp://127.0.0.1')
  expect(await bridge.exited).toBe(2)
  expect(bridge.lines).toEqual([])
  await until('the reason', () => bridge.stderr().includes('MCP_SSE_URL is not an http or https URL'))
})
