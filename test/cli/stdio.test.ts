import { expect, test } from 'bun:test'
import { Client as StatelessClient } from '@modelcontextprotocol/client'
import { StdioClientTransport as StatelessTransport } from '@modelcontextprotocol/client/stdio'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { type Bridge, bridgeCommand, call, INITIALIZED, initialize, startBridge, stateless } from '../support/bridge.ts'
import { SdkServer } from '../support/sdk-server.ts'
import { until } from '../support/until.ts'

const INFO = { name: 'test', version: '1' }
const UPDATED = 'notifications/resources/updated'

function request(id: number, method: string, params: object = {}) {
  return { jsonrpc: '2.0', id, method, params }
}

/** Waits for `count` streams by GET that the server writes to: the notification stream is opened beside everything else. */
async function streams(server: SdkServer, count: number): Promise<Headers[]> {
  await until(`${count} notification streams`, () => server.streams.length >= count)
  return server.streams
}

function posts(server: SdkServer, method: string) {
  return server.requests.filter(({ body }) => body.includes(`"method":"${method}"`))
}

function updates(bridge: Bridge): string[] {
  return bridge.lines.filter(({ method }) => method === UPDATED).map(({ params }) => params.uri)
}

test('the client of the 1.x SDK lists, calls and is notified through the bridge', async () => {
  await using server = new SdkServer()
  const client = new Client(INFO)
  const updated: string[] = []
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void updated.push(params.uri))
  await client.connect(new StdioClientTransport(bridgeCommand(server.url)))
  try {
    expect(client.getServerVersion()).toMatchObject({ name: 'sdk', version: '1' })
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['echo', 'hang', 'drop'])
    const { content } = await client.callTool({ name: 'echo', arguments: { a: 'ü' } })
    expect(content).toEqual([{ type: 'text', text: '{"a":"ü"}' }])
    await client.subscribeResource({ uri: 'test://1' })
    await streams(server, 1)
    await server.resourceUpdated('test://1')
    await until('the notification', () => updated.length === 1)
    expect(updated).toEqual(['test://1'])
  } finally {
    await client.close()
  }
  await until('the session to be ended', () => server.sessions.size === 0)
})

test.each(['auto', 'legacy', { pin: '2026-07-28' }])(
  'the client of the 2.x SDK lists, calls and is notified in mode %p',
  async (mode) => {
    await using server = new SdkServer()
    const client = new StatelessClient(INFO, { versionNegotiation: { mode: mode as 'auto' } })
    const updated: string[] = []
    client.setNotificationHandler(UPDATED, ({ params }) => void updated.push(params.uri))
    await client.connect(new StatelessTransport(bridgeCommand(server.url)))
    try {
      expect(client.getServerVersion()).toMatchObject({ name: 'sdk', version: mode === 'legacy' ? '1' : '2' })
      expect((await client.listTools()).tools).toHaveLength(3)
      const { content } = await client.callTool({ name: 'echo', arguments: { a: 1 } })
      expect(content).toEqual([{ type: 'text', text: '{"a":1}' }])
      if (mode === 'legacy') {
        await client.subscribeResource({ uri: 'test://1' })
        await streams(server, 1)
      } else await client.listen({ resourceSubscriptions: ['test://1'] })
      await server.resourceUpdated('test://1')
      await until('the notification', () => updated.length === 1)
      expect(updated).toEqual(['test://1'])
    } finally {
      await client.close()
    }
  },
)

test('messages that come all at once are taken in order, and their answers come before the end', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  bridge.send(initialize(), INITIALIZED, call(1, 'echo'), request(2, 'tools/list'))
  expect((await bridge.end()).exitCode).toBe(0)
  expect(bridge.lines.map(({ id, result }) => [id, result !== undefined]).sort()).toEqual([
    [0, true],
    [1, true],
    [2, true],
  ])
  expect(bridge.stderr()).toBe('')
  const [first, second] = server.requests.map(({ body }) => body && JSON.parse(body).method)
  expect([first, second]).toEqual(['initialize', 'notifications/initialized'])
  await until('the session to be ended', () => server.sessions.size === 0)
  expect(server.requests.at(-1)!.method).toBe('DELETE')
})

test('a session is spoken of with its id and the version that was agreed on', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  bridge.send(initialize(0, '2025-06-18'), INITIALIZED, call(1, 'echo'))
  await bridge.answer(1)
  const [id] = [...server.sessions.keys()]
  const [first, ...later] = server.requests.map(({ headers }) => [
    headers.get('mcp-session-id'),
    headers.get('mcp-protocol-version'),
  ])
  expect(first).toEqual([null, null])
  expect(later.length).toBeGreaterThanOrEqual(2)
  for (const one of later) expect(one).toEqual([id!, '2025-06-18'])
})

test('a request of 2026-07-28 says in headers what it is, also what no header can carry', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(`${server.url}/mcp`)
  bridge.send(
    stateless(1, 'tools/call', { name: 'echo' }),
    stateless(2, 'resources/read', { uri: 'test://ü' }),
    stateless(3, 'tools/list'),
  )
  for (const id of [1, 2, 3]) await bridge.answer(id)
  const seen = ['tools/call', 'resources/read', 'tools/list'].map((method) => {
    const { headers } = posts(server, method)[0]!
    return ['mcp-protocol-version', 'mcp-method', 'mcp-name', 'mcp-session-id'].map((name) => headers.get(name))
  })
  expect(seen).toEqual([
    ['2026-07-28', 'tools/call', 'echo', null],
    ['2026-07-28', 'resources/read', `=?base64?${Buffer.from('test://ü').toString('base64')}?=`, null],
    ['2026-07-28', 'tools/list', null, null],
  ])
  expect((await bridge.answer(1)).result.content).toHaveLength(1)
})

test('a batch of 2025-03-26 goes as it is, and each of its requests is answered', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  bridge.send(initialize(0, '2025-03-26'), INITIALIZED, [call(1, 'echo'), call(2, 'echo')])
  await Promise.all([bridge.answer(1), bridge.answer(2)])
  expect(server.requests.filter(({ body }) => body.startsWith('['))).toHaveLength(1)
})

test('what the server asks of the client is asked and answered through the bridge', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  bridge.send(initialize(), INITIALIZED)
  await streams(server, 1)
  const pong = [...server.sessions.values()][0]!.server.ping()
  const { id } = await bridge.line('the ping', ({ method }) => method === 'ping')
  bridge.send({ jsonrpc: '2.0', id, result: {} })
  expect(await pong).toEqual({})
})

test('an answer to what a session asked that is gone is not given in the one that takes its place', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  bridge.send(initialize(), INITIALIZED)
  await streams(server, 1)
  // Never answered: the session ends with its server.
  void [...server.sessions.values()][0]!.server.ping().catch(() => {})
  const { id } = await bridge.line('the ping', ({ method }) => method === 'ping')
  await server.stop()
  // Or the stream may find out first, and the answer never be given in the session it is for.
  server.intercept = ({ method }) => (method === 'GET' ? new Response(null, { status: 503 }) : undefined)
  server.start()
  bridge.send({ jsonrpc: '2.0', id, result: { mark: 1 } }, call(1, 'echo'))
  expect((await bridge.answer(1)).result).toBeDefined()
  const answers = server.requests.filter(({ body }) => body.includes('"mark"'))
  const [session] = [...server.sessions.keys()]
  expect(answers.map(({ headers }) => headers.get('mcp-session-id') === session)).toEqual([false])
})

test('every message is one line with the digits it came with, whatever line breaks it had', async () => {
  await using server = new SdkServer()
  const text = '{\n "jsonrpc": "2.0",\r\n "id": 1, "result": {"n": 12345678901234567890,\n"f": 1.50, "t": "a\\nb"} }'
  server.intercept = () => new Response(text, { headers: { 'content-type': 'application/json; charset=utf-8' } })
  await using bridge = startBridge(server.url)
  bridge.send(call(1, 'echo'))
  expect((await bridge.answer(1)).result.t).toBe('a\nb')
  expect(bridge.texts).toEqual([text.replaceAll(/[\r\n]+/g, ' ')])
})

test('an answer whose stream broke is fetched from where it broke', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  bridge.send(initialize(), INITIALIZED)
  await streams(server, 1)
  bridge.send(call(1, 'drop', { a: 1 }))
  expect((await bridge.answer(1)).result.content).toEqual([{ type: 'text', text: '{"a":1}' }])
  const resumed = (await streams(server, 2))[1]!
  expect(resumed.get('last-event-id')).not.toBeNull()
  expect(bridge.lines.filter(({ id }) => id === 1)).toHaveLength(1)
})

test('a notification that came while the stream was away is brought by the next one, once', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  bridge.send(initialize(), INITIALIZED, request(1, 'resources/subscribe', { uri: 'test://1' }))
  await bridge.answer(1)
  await streams(server, 1)
  await server.resourceUpdated('test://1')
  await until('the first', () => updates(bridge).length === 1)
  server.closeStreams()
  await server.resourceUpdated('test://1')
  await until('the second', () => updates(bridge).length === 2)
  expect((await streams(server, 2))[1]!.get('last-event-id')).not.toBeNull()
  await server.resourceUpdated('test://1')
  await until('the third', () => updates(bridge).length === 3)
  expect(bridge.stderr()).toBe('')
})

test('after a restart of the server the next calls work as if nothing had been', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  bridge.send(initialize(), INITIALIZED, call(1, 'echo'))
  await bridge.answer(1)
  await streams(server, 1)
  await server.stop()
  server.start()
  const ids = [11, 12, 13, 14, 15, 16]
  bridge.send(...ids.map((id) => call(id, 'echo', { id })))
  for (const id of ids) expect((await bridge.answer(id)).result.content[0].text).toBe(`{"id":${id}}`)
  expect(posts(server, 'initialize')).toHaveLength(2)
  expect(JSON.parse(posts(server, 'initialize')[1]!.body).params).toEqual(initialize().params)
  expect(posts(server, 'notifications/initialized')).toHaveLength(2)
  expect(bridge.lines.map(({ id }) => id).sort()).toEqual([0, 1, ...ids])
})

test('a restart is noticed without a call, and what the client stood to stands again', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  const subscribed = ['test://1', 'test://2', 'test://3'].map((uri, i) => request(i, 'resources/subscribe', { uri }))
  bridge.send(initialize('a'), INITIALIZED, ...subscribed, request(3, 'logging/setLevel', { level: 'error' }))
  for (const id of [0, 1, 2, 3]) await bridge.answer(id)
  bridge.send(request(4, 'resources/unsubscribe', { uri: 'test://2' }))
  await bridge.answer(4)
  await streams(server, 1)
  await server.stop()
  server.standing.length = 0
  server.start()
  await until('the subscriptions', () => server.standing.length === 3)
  expect(server.standing.sort()).toEqual(['error', 'test://1', 'test://3'])
  // What happened while nobody was subscribed is unknown, so the client is told to read again.
  await until('the word on the gap', () => updates(bridge).length === 2)
  expect(updates(bridge).sort()).toEqual(['test://1', 'test://3'])
  await server.resourceUpdated('test://3')
  await server.resourceUpdated('test://2')
  await until('the notification', () => updates(bridge).length === 3)
  expect(updates(bridge).at(-1)).toBe('test://3')
})

test('cancelling a request of 2026-07-28 closes its connection and is answered by nothing', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  bridge.send(stateless(1, 'tools/call', { name: 'hang' }))
  await until('the call', () => server.hanging === 1)
  bridge.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } })
  await until('the call to be cancelled', () => server.hanging === 0)
  bridge.send(stateless(2, 'tools/list'))
  await bridge.answer(2)
  expect(bridge.lines.map(({ id }) => id)).toEqual([2])
  expect(posts(server, 'notifications/cancelled')).toEqual([])
})

test('cancelling a request of a session tells the server', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  bridge.send(initialize(), INITIALIZED, call(1, 'hang'))
  await until('the call', () => server.hanging === 1)
  bridge.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } })
  await until('the call to be cancelled', () => server.hanging === 0)
  bridge.send(call(2, 'echo'))
  await bridge.answer(2)
  expect(bridge.lines.map(({ id }) => id)).toEqual([0, 2])
  expect(posts(server, 'notifications/cancelled')).toHaveLength(1)
})

test('a cancelled request whose server ends its stream is answered by nothing, and is no trouble', async () => {
  await using server = new SdkServer()
  let end = () => {}
  server.intercept = async (_, body) => {
    if (body.includes('"hang"')) return hanging((controller) => (end = () => controller.close()))
    if (!body.includes('notifications/cancelled')) return undefined
    end()
    // For the end to be there before the answer is.
    await Bun.sleep(100)
    return new Response(null, { status: 202 })
  }
  await using bridge = startBridge(server.url)
  bridge.send(initialize(), INITIALIZED, call(1, 'hang'))
  await until('the call', () => server.requests.some(({ body }) => body.includes('"hang"')))
  bridge.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } }, call(2, 'echo'))
  await bridge.answer(2)
  expect(bridge.lines.filter(({ id }) => id === 1)).toEqual([])
  expect(bridge.stderr()).toBe('')
})

function hanging(begin: (controller: ReadableStreamDefaultController) => void): Response {
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(': \n\n')
      begin(controller)
    },
    cancel() {
      begin({ close: () => {} } as ReadableStreamDefaultController)
    },
  })
  return new Response(stream, { headers: { 'content-type': 'text/event-stream' } })
}

test('a subscription of 2026-07-28 is answered with an error when its server goes away', async () => {
  await using server = new SdkServer()
  await using bridge = startBridge(server.url)
  bridge.send(stateless('l', 'subscriptions/listen', { notifications: { resourceSubscriptions: ['test://1'] } }))
  await bridge.line('the acknowledgement', ({ method }) => method === 'notifications/subscriptions/acknowledged')
  await server.stop()
  expect((await bridge.answer('l')).error).toEqual({
    code: -32000,
    message: 'The hub ended the subscription. Ask for it again.',
  })
})
