import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { keySettings, testKey } from '../../support/access.ts'
import type { ServedHubOptions } from '../../support/served-hub.ts'
import { until } from '../../support/until.ts'
import { Incoming, initializeMessage, type Message } from './session-client.ts'
import { type SessionHub, sessionHub } from './session-hub.ts'

const ONE = 'events://topics/orders/1'
let served: SessionHub
beforeEach(async () => {
  served = await sessionHub()
})
afterEach(async () => {
  expect(served.reports).toEqual([])
  await served.close()
})

/** Instead of the hub that every test begins with. */
async function serve(options: ServedHubOptions): Promise<void> {
  await served.close()
  served = await sessionHub(options)
}

/** A client of 2024-11-05: everything comes on one stream. */
async function open(key?: string) {
  const abort = new AbortController()
  const authorization: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {}
  const headers = { accept: 'text/event-stream', ...authorization }
  const stream = new Incoming(await served.fetch('/sse', { headers, signal: abort.signal }), abort)
  const { data } = await until('the endpoint', () => stream.blocks.find(({ type }) => type === 'endpoint'))
  const post = (body: unknown, path = data!) =>
    served.fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...authorization },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
  return { stream, endpoint: data!, post }
}

const request = (id: number | string, method: string, params = {}) => ({ jsonrpc: '2.0', id, method, params })
const tool = (id: number | string, name: string, input = {}) => request(id, 'tools/call', { name, arguments: input })
const answerTo = (stream: Incoming, id: number | string) =>
  stream.message(`the answer ${id}`, (message) => message.id === id && !('method' in message))

async function begin(key?: string) {
  const client = await open(key)
  expect((await client.post(initializeMessage('2024-11-05'))).status).toBe(202)
  const { result }: Message = await answerTo(client.stream, 0)
  expect(result.protocolVersion).toBe('2024-11-05')
  await client.post({ jsonrpc: '2.0', method: 'notifications/initialized' })
  return client
}

describe('HTTP+SSE of 2024-11-05', () => {
  test('says where the stream of events is, then where to send messages', async () => {
    const { stream, endpoint } = await open()
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream')
    expect(stream.blocks[0]!.comments[0]).toContain('GET /events')
    expect(stream.blocks[1]!.type).toBe('endpoint')
    expect(endpoint).toMatch(/^\/messages\?sessionId=[\w-]{22}$/)
    stream.drop()
  })

  test('answers on its stream, whenever', async () => {
    const { stream, post } = await begin()
    const accepted = await post(tool(1, 'hold', { name: 'later' }))
    expect([accepted.status, await accepted.text()]).toEqual([202, ''])
    await post(tool(2, 'whoami'))
    expect((await answerTo(stream, 2)).result.content[0].text).toBe('local 2024-11-05')
    served.held.get('later')!.release()
    expect((await answerTo(stream, 1)).result.content[0].text).toBe('released later')
    expect((await post([request(3, 'ping'), request(4, 'ping')])).status).toBe(202)
    await Promise.all([answerTo(stream, 3), answerTo(stream, 4)])
    stream.drop()
  })

  test('tells of resources and of what has changed', async () => {
    const { stream, post } = await begin()
    await post(request(1, 'resources/subscribe', { uri: ONE }))
    await answerTo(stream, 1)
    await served.fetch('/events/orders/1', { method: 'POST', body: 'x' })
    await until('it to be told', () => stream.told.length === 1)
    served.sessions.announce('tools')
    await stream.message('the change', ({ method }) => method === 'notifications/tools/list_changed')
    stream.drop()
  })

  test('refuses what is malformed, unknown or in flight', async () => {
    const { stream, post } = await begin()
    const malformed = [42, {}, [], { jsonrpc: '2.0', id: 1 }, '{', [request(1, 'ping'), request(1, 'ping')]]
    for (const body of malformed) expect([body, (await post(body)).status]).toEqual([body, 400])
    expect((await post(initializeMessage('2024-11-05', 'again'))).status).toBe(400)
    for (const path of ['/messages', '/messages?sessionId=', '/messages?sessionId=nobody']) {
      const answer = await post(request(1, 'ping'), path)
      const { error }: Message = await answer.json()
      expect([path, answer.status, error.code]).toEqual([path, 404, -32001])
      expect(error.message).toBe('This session is not known (any more); begin a new one with GET /sse.')
    }
    await post(tool('same', 'hold', { name: 'a' }))
    expect((await post(tool('same', 'echo'))).status).toBe(400)
    served.held.get('a')!.release()
    await answerTo(stream, 'same')
    expect((await served.fetch('/sse', { headers: { accept: 'text/html' } })).status).toBe(406)
    stream.drop()
  })

  test('ends with its stream: calls are aborted, and its messages go nowhere', async () => {
    const { stream, post } = await begin()
    await post(tool(1, 'hold', { name: 'a' }))
    await until('it to wait', () => served.held.size === 1)
    stream.drop()
    await until('it to be aborted', () => served.aborted.length === 1)
    expect(served.sessions.size).toBe(0)
    expect((await post(request(2, 'ping'))).status).toBe(404)
  })

  test('gives no answer to what is cancelled', async () => {
    const { stream, post } = await begin()
    await post(tool('c', 'hold', { name: 'a' }))
    await until('it to wait', () => served.held.size === 1)
    await post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'c' } })
    await until('it to be aborted', () => served.aborted.length === 1)
    // The id is free again, and only this call is answered under it.
    await post(tool('c', 'echo', { text: 'next' }))
    expect((await answerTo(stream, 'c')).result.content[0].text).toBe('next')
    stream.drop()
  })

  test('is told when the server stops, also of calls without an answer', async () => {
    const { stream, post } = await begin()
    await post(tool(1, 'hold', { name: 'a' }))
    await until('it to wait', () => served.held.size === 1)
    await served.mcp.drain()
    await stream.end()
    expect(stream.messages.at(-1)).toMatchObject({ id: 1, error: { code: -32000 } })
    const late = await served.fetch('/sse', { headers: { accept: 'text/event-stream' } })
    expect(late.status).toBe(503)
  })

  test('belongs to the principal that opened it, and to its own transport', async () => {
    const [alice, bob] = [testKey('alice', { subscribe: ['**'] }), testKey('bob', { subscribe: ['**'] })]
    await serve({ access: keySettings([alice, bob]) })
    const { stream, endpoint, post } = await begin(alice.text)
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${bob.text}` }
    const init = { method: 'POST', headers, body: JSON.stringify(request(1, 'ping')) }
    const foreign = await served.fetch(endpoint, init)
    const unknown = await served.fetch('/messages?sessionId=nobody', init)
    expect([foreign.status, await foreign.text()]).toEqual([404, await unknown.text()])
    const hers = await served.begin({ key: alice.text })
    expect((await post(request(1, 'ping'), `/messages?sessionId=${hers.id}`)).status).toBe(404)
    hers.id = endpoint.split('=')[1]!
    expect((await hers.post(hers.request('ping'))).status).toBe(404)
    stream.drop()
  })

  test('counts as a session and as a connection', async () => {
    await serve({ mcpLimits: { sessions: 1 } })
    const { stream } = await open()
    expect((await served.client().initialize()).status).toBe(503)
    expect((await served.fetch('/sse', { headers: { accept: 'text/event-stream' } })).status).toBe(503)
    stream.drop()
    await serve({ limits: { connections: 0 } })
    expect((await served.fetch('/sse', { headers: { accept: 'text/event-stream' } })).status).toBe(503)
    expect(served.sessions.size).toBe(0)
  })
})
