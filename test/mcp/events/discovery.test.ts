import { afterEach, describe, expect, test } from 'bun:test'
import { keySettings, testKey } from '../../support/access.ts'
import { eventTypesOf } from '../../support/event-types.ts'
import type { ServedHubOptions } from '../../support/served-hub.ts'
import { type StatelessHub, statelessHub } from '../../support/stateless-hub.ts'
import { connect, EVERY_WAY, EXTENSION, topicEvents } from './events-client.ts'

let served: StatelessHub
afterEach(async () => {
  expect(served.reports).toEqual([])
  await served.close()
})

async function serve(options: ServedHubOptions = {}): Promise<StatelessHub> {
  served = await statelessHub(options)
  return served
}

const namesOf = (page: { events: { name: string }[] }) => page.events.map(({ name }) => name)

describe.each([...EVERY_WAY])('MCP Events in $name', ({ name, connect: connectWay }) => {
  test('1, 2, 8: is declared in both places, as objects without listChanged', async () => {
    await serve()
    const { capabilities } = await connectWay(served.fetch)
    const { events, extensions } = await capabilities()
    expect({ events, extensions }).toEqual({ events: {}, extensions: { [EXTENSION]: {} } })
  })

  test('3, 4: lists each type with all that is needed to ask for it', async () => {
    await serve({ eventTypes: eventTypesOf({ name: 'build.finished', topic: 'builds/**' }).declared })
    const { ask } = await connectWay(served.fetch)
    const { result } = await ask('events/list')
    expect(result.resultType).toBe(name === '2026-07-28' ? 'complete' : undefined)
    expect(namesOf(result)).toEqual(['topic.event', 'build.finished'])
    for (const { description, delivery, inputSchema, payloadSchema } of result.events) {
      expect(description).toEqual(expect.any(String))
      expect(delivery.toSorted()).toEqual(['poll', 'push'])
      expect([inputSchema.type, payloadSchema.type]).toEqual(['object', 'object'])
    }
  })

  test('12: unknown parameters, and null for what may be absent, are let be', async () => {
    await serve()
    const { ask } = await connectWay(served.fetch)
    const more = { delivery: { mode: 'poll' }, somethingNew: [1], cursor: null, maxAgeMs: null, timeoutMs: null }
    expect((await ask('events/poll', topicEvents('a', more))).result).toMatchObject({ events: [], truncated: false })
    expect(namesOf((await ask('events/list', { cursor: null, limit: 3 })).result)).toEqual(['topic.event'])
  })
})

describe('events/list', () => {
  test('4: the required argument of topic.event can be derived from its examples, and these are taken', async () => {
    await serve()
    const { ask } = await connect(served.fetch)
    const [{ inputSchema }] = (await ask('events/list')).result.events
    expect(inputSchema.required).toEqual(['topic'])
    for (const topic of inputSchema.properties.topic.examples) {
      for (const types of inputSchema.properties.types.examples) {
        const { result } = await ask('events/poll', { name: 'topic.event', arguments: { topic, types } })
        expect(result.events).toEqual([])
      }
    }
  })

  test('5: pages, repeats no token, and refuses one it never gave, the empty one too', async () => {
    const types = Array.from({ length: 120 }, (_, index) => ({ name: `type.${index}`, topic: 'a' }))
    await serve({ eventTypes: eventTypesOf(...types).declared })
    const { ask } = await connect(served.fetch)
    const names: string[] = []
    const tokens: string[] = []
    for (let cursor: string | undefined; ; ) {
      const { result } = await ask('events/list', cursor === undefined ? {} : { cursor })
      names.push(...namesOf(result))
      cursor = result.nextCursor
      if (cursor === undefined) break
      tokens.push(cursor)
    }
    expect(names).toEqual(['topic.event', ...types.map(({ name }) => name)])
    expect([tokens.length, new Set(tokens).size]).toEqual([2, 2])
    for (const cursor of ['', 'nonsense']) {
      expect((await ask('events/list', { cursor })).error).toMatchObject({ code: -32602, data: { field: 'cursor' } })
    }
    expect((await ask('events/list', { cursor: 3 })).error.code).toBe(-32602)
  })

  test('48: lists to each principal what it may ask for, and nothing to one that may read nothing', async () => {
    const alice = testKey('alice', { subscribe: ['builds/*/main'] })
    const bob = testKey('bob', { subscribe: ['orders/**'] })
    const writer = testKey('writer', { publish: ['**'] })
    await serve({
      access: keySettings([alice, bob, writer]),
      eventTypes: eventTypesOf({ name: 'build.finished', topic: 'builds/**' }).declared,
    })
    const lists = await Promise.all(
      [alice, bob, writer].map(async ({ text }) => {
        const { ask } = await connect(served.fetch, { key: text })
        return namesOf((await ask('events/list')).result)
      }),
    )
    expect(lists).toEqual([['topic.event', 'build.finished'], ['topic.event'], []])
  })
})

test('48: a type whose events are of a kind that one may not read is not listed', async () => {
  const paid = testKey('paid', { subscribe: ['**'], types: ['order.*'] })
  const built = testKey('built', { subscribe: ['**'], types: ['build.done'] })
  await serve({
    access: keySettings([paid, built]),
    eventTypes: eventTypesOf({ name: 'order.paid', topic: 'orders/**', type: 'order.paid' }).declared,
  })
  const lists = await Promise.all(
    [paid, built].map(async ({ text }) => {
      const { ask } = await connect(served.fetch, { key: text })
      return namesOf((await ask('events/list')).result)
    }),
  )
  expect(lists).toEqual([['topic.event', 'order.paid'], ['topic.event']])
})

describe('the wire of 2026-07-28', () => {
  const params = topicEvents('a')

  test('6: what the extension has and this server does not is an unknown method, with 404', async () => {
    await serve()
    const answer = await served.ask('events/nonsense', params)
    expect([answer.status, (await answer.json()).error.code]).toEqual([404, -32601])
  })

  test('9: a version or method that headers and body do not agree on is refused before anything else', async () => {
    await serve()
    for (const headers of [{ 'mcp-method': 'events/list' }, { 'mcp-method': undefined }]) {
      for (const method of ['events/poll', 'events/stream']) {
        const answer = await served.ask(method, params, { headers })
        expect([answer.status, (await answer.json()).error.code]).toEqual([400, -32020])
      }
    }
    const newer = await served.ask('events/poll', params, {
      headers: { 'mcp-protocol-version': '2099-01-01' },
      meta: { 'io.modelcontextprotocol/protocolVersion': '2099-01-01' },
    })
    const { error } = await newer.json()
    expect([newer.status, error.code, error.data.supported]).toEqual([400, -32022, ['2026-07-28']])
    expect(served.hub.connections).toBe(0)
  })

  test('10: Mcp-Name and a declared extension are neither needed nor in the way', async () => {
    await serve()
    for (const name of [undefined, 'topic.event', 'something else']) {
      for (const declares of [false, true]) {
        const answer = await served.ask('events/poll', params, {
          headers: { 'mcp-name': name },
          meta: { 'io.modelcontextprotocol/clientCapabilities': declares ? { extensions: { [EXTENSION]: {} } } : {} },
        })
        expect((await answer.json()).result.events).toEqual([])
      }
    }
  })

  test('11: GET and DELETE are answered 405, a foreign origin 403', async () => {
    await serve()
    const headers = { 'mcp-protocol-version': '2026-07-28', accept: 'text/event-stream' }
    for (const method of ['GET', 'DELETE']) {
      expect((await served.fetch('/mcp', { method, headers })).status).toBe(405)
    }
    const foreign = await served.ask('events/stream', params, { headers: { origin: 'https://evil.example' } })
    expect(foreign.status).toBe(403)
    expect(served.hub.connections).toBe(0)
  })
})

test('7: who listens for changes of the list is not told that it will hear of any', async () => {
  await serve()
  const stream = await served.listen([], { flags: { eventsListChanged: true, toolsListChanged: true } })
  expect(await stream.acknowledged()).toEqual({ toolsListChanged: true })
})
