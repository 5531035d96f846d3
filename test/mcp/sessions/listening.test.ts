import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { until } from '../../support/until.ts'
import type { Message } from './session-client.ts'
import { type SessionHub, sessionHub } from './session-hub.ts'

const ONE = 'events://topics/orders/1'
const TWO = 'events://topics/orders/2'
const SIGN = 'MCP speaks here. The stream of events for EventSource and curl is GET /events'

let served: SessionHub
beforeEach(async () => {
  served = await sessionHub()
})
afterEach(async () => {
  expect(served.reports).toEqual([])
  await served.close()
})

async function publish(topic: string): Promise<void> {
  expect((await served.fetch(`/events/${topic}`, { method: 'POST', body: 'x' })).status).toBe(201)
}

describe('GET /mcp', () => {
  test('says where the stream of events is before anything else, and what to come back with', async () => {
    const client = await served.begin()
    const stream = await client.listen()
    await until('two blocks', () => stream.blocks.length >= 2)
    expect(stream.blocks[0]!.comments).toEqual([SIGN])
    expect(stream.blocks[1]).toMatchObject({ id: '0.0', data: '' })
    stream.drop()
    const old = await served.begin({ version: '2025-06-18' })
    const older = await old.listen()
    await until('two blocks', () => older.blocks.length >= 2)
    expect(older.blocks[1]!.data).toBeUndefined()
    older.drop()
  })

  test('tells a person or an EventSource without a session what to ask instead', async () => {
    const lost = await Promise.all([
      served.fetch('/mcp', { headers: { accept: 'text/html' } }),
      served.fetch('/mcp', { headers: { accept: 'text/event-stream' } }),
      served.fetch('/mcp', { headers: { accept: '*/*' } }),
    ])
    expect(lost.map(({ status }) => status)).toEqual([406, 400, 400])
    for (const answer of lost) expect(((await answer.json()) as Message).error.message).toContain('GET /events')
  })

  test('of 2026-07-28 is a method that is not there, and so is DELETE', async () => {
    const client = await served.begin()
    for (const method of ['GET', 'DELETE']) {
      const answer = await client.send(method, { 'mcp-protocol-version': '2026-07-28' })
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
    }
    expect(served.sessions.size).toBe(1)
  })

  test('a second time replaces the first', async () => {
    const client = await served.begin()
    const first = await client.listen()
    const second = await client.listen()
    await first.end()
    await client.post(client.request('resources/subscribe', { uri: ONE }))
    await publish('orders/1')
    await until('the second to be told', () => second.told.length > 0)
    expect([first.response.status, second.response.status, first.told]).toEqual([200, 200, []])
    second.drop()
  })
})

describe('a subscription to a resource', () => {
  test('is told of on the stream of the session, until it is taken back', async () => {
    const client = await served.begin()
    const stream = await client.listen()
    await client.post(client.request('resources/subscribe', { uri: ONE }))
    await client.post(client.request('resources/subscribe', { uri: TWO }))
    await publish('orders/1')
    await until('the first', () => stream.told.length === 1)
    await client.post(client.request('resources/unsubscribe', { uri: ONE }))
    await publish('orders/1')
    await publish('orders/2')
    await until('the second', () => stream.told.length === 2)
    expect(stream.told).toEqual([ONE, TWO])
    stream.drop()
  })

  test('that nobody was there to hear of is told to the next who listens, once', async () => {
    const client = await served.begin()
    await client.post(client.request('resources/subscribe', { uri: ONE }))
    await client.post(client.request('resources/subscribe', { uri: TWO }))
    await publish('orders/1')
    await publish('orders/1')
    const stream = await client.listen()
    await until('it to be told', () => stream.told.length > 0)
    await publish('orders/2')
    await until('the other', () => stream.told.includes(TWO))
    expect(stream.told).toEqual([ONE, TWO])
    stream.drop()
  })

  test('goes on where the client was when it comes back', async () => {
    const client = await served.begin()
    await client.post(client.request('resources/subscribe', { uri: ONE }))
    const first = await client.listen()
    await publish('orders/1')
    await until('the first', () => first.told.length === 1)
    first.drop()
    const again = await client.listen('0.0')
    await until('the same again', () => again.told.length === 1)
    expect(again.lastId).toBe('0.1')
    const nothing = await client.listen('0.1')
    await until('its beginning', () => nothing.blocks.length >= 2)
    await again.end()
    await publish('orders/1')
    await until('what is new', () => nothing.told.length === 1)
    expect(nothing.lastId).toBe('0.2')
    nothing.drop()
  })

  test('is told of in any case to a client whose place is not known any more', async () => {
    const client = await served.begin()
    await client.post(client.request('resources/subscribe', { uri: ONE }))
    await client.post(client.request('resources/subscribe', { uri: TWO }))
    for (const id of ['0.77', 'from elsewhere', '0.-1', '00.1', '0.1e3', 'evt_1']) {
      const stream = await client.listen(id)
      await until(`all after ${id}`, () => stream.told.length === 2)
      expect(stream.told.toSorted()).toEqual([ONE, TWO])
      stream.drop()
    }
  })

  test('is told of to a client that comes back without a place, though it was told before', async () => {
    const client = await served.begin({ version: '2025-06-18' })
    await client.post(client.request('resources/subscribe', { uri: ONE }))
    const first = await client.listen()
    await publish('orders/1')
    await until('the first', () => first.told.length === 1)
    first.drop()
    const second = await client.listen()
    await until('it again', () => second.told.length === 1)
    second.drop()
  })

  test('to what may not be read or is not there is refused', async () => {
    const client = await served.begin()
    for (const uri of ['nothing://here', 'events://topics/a*b']) {
      const { error } = (await (await client.post(client.request('resources/subscribe', { uri }))).json()) as Message
      expect(error.code).toBe(-32602)
    }
  })
})

describe('what the server says of its own accord', () => {
  test('a change of what is offered reaches every session, also one that listens later', async () => {
    const here = await served.begin()
    const stream = await here.listen()
    const away = await served.begin()
    for (let time = 0; time < 100; time++) {
      served.sessions.announce('tools')
      served.sessions.announce('resources')
    }
    await until('both changes', () => stream.messages.length >= 2)
    const later = await away.listen()
    await until('both changes', () => later.messages.length >= 2)
    served.sessions.announce('prompts')
    await until('the last', () => stream.messages.length >= 3 && later.messages.length >= 3)
    const methods = ['tools', 'resources', 'prompts'].map((what) => `notifications/${what}/list_changed`)
    expect(stream.messages.map(({ method }) => method)).toEqual(methods)
    expect(later.messages.map(({ method }) => method)).toEqual(methods)
    stream.drop()
    later.drop()
  })

  test('a question that belongs to no request waits for somebody who listens', async () => {
    const client = await served.begin()
    const asked = client.post(client.tool('ask anywhere', {}, { id: 'asking' }))
    // Behind it on the same server, so it has been asked by then.
    await client.call('echo')
    const stream = await client.listen()
    const question = await stream.message('the question', ({ method }) => method === 'elicitation/create')
    const result = { action: 'accept', content: { which: 'that one' } }
    await client.post({ jsonrpc: '2.0', id: question.id, result })
    const answer = (await (await asked).json()) as Message
    expect([answer.id, answer.result.content[0].text]).toEqual(['asking', '{"which":"that one"}'])
    stream.drop()
  })

  test('a tool may end the stream, and the client goes on by another', async () => {
    const client = await served.begin()
    const first = await client.listen()
    await until('its beginning', () => first.lastId)
    expect(await client.call('pause listening')).toBe('paused')
    await first.end()
    const second = await client.listen(first.lastId)
    served.sessions.announce('tools')
    await until('a message', () => second.messages.length === 1)
    second.drop()
  })
})
