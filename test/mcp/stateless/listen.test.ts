import { afterEach, describe, expect, test } from 'bun:test'
import { keySettings, testKey } from '../../support/access.ts'
import { byLocal } from '../../support/by-local.ts'
import { draftOf } from '../../support/draft.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { StallingReader } from '../../support/stalling-reader.ts'
import { headerLines, type StatelessHub, statelessHub, statelessRequest } from '../../support/stateless-hub.ts'
import { until } from '../../support/until.ts'

let served: StatelessHub | undefined
afterEach(async () => {
  expect(served?.reports ?? []).toEqual([])
  await served?.close()
  served = undefined
})

const alice = testKey('alice', { subscribe: ['alice/**', 'shared'] })
const bob = testKey('bob', { subscribe: ['bob/**', 'shared'] })

async function two(): Promise<StatelessHub> {
  served = await statelessHub({ access: keySettings([alice, bob]) })
  return served
}

const of = (topic: string) => `events://topics/${topic}`
const publish = (...topics: string[]) => served!.hub.publish(topics.map((topic) => draftOf(topic)))

describe('subscriptions/listen', () => {
  test('acknowledges and tells what changes, with the id of the request, and nothing else', async () => {
    served = await statelessHub()
    const stream = await served.listen([of('a'), of('b/**')], { id: 'my-listen' })
    expect(await stream.acknowledged()).toEqual({ resourceSubscriptions: [of('a'), of('b/**')] })
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream')
    expect(stream.response.headers.get('cache-control')).toBe('no-store, no-transform')
    expect(stream.response.headers.get('x-accel-buffering')).toBe('no')
    await publish('c', 'b/1/2', 'a', 'b/2')
    await until('both to be told', () => stream.told.length >= 2)
    expect(stream.told.toSorted()).toEqual([of('a'), of('b/**')])
    const _meta = { 'io.modelcontextprotocol/subscriptionId': 'my-listen' }
    expect(stream.messages.map(({ params }) => params._meta)).toEqual([_meta, _meta, _meta])
  })

  test('honours only what the asker may read, and says so', async () => {
    const { listen } = await two()
    const both = [of('alice/1'), of('bob/1'), of('shared'), 'events://events/x', 'fixed://page', 'nonsense']
    const a = await listen.call(served!, both, { key: alice.text })
    const b = await listen.call(served!, both, { key: bob.text })
    expect(await a.acknowledged()).toEqual({ resourceSubscriptions: [of('alice/1'), of('shared')] })
    expect(await b.acknowledged()).toEqual({ resourceSubscriptions: [of('bob/1'), of('shared')] })
    await publish('alice/1', 'bob/1')
    await publish('shared')
    await until('the shared one to be told', () => a.told.includes(of('shared')) && b.told.includes(of('shared')))
    expect(a.told).toEqual([of('alice/1'), of('shared')])
    expect(b.told).toEqual([of('bob/1'), of('shared')])
  })

  test('tells a new topic to those alone who may know of it', async () => {
    await two()
    const a = await served!.listen(['events://topics'], { key: alice.text })
    const b = await served!.listen(['events://topics'], { key: bob.text })
    await Promise.all([a.acknowledged(), b.acknowledged()])
    await publish('alice/new')
    await until('alice to be told', () => a.told.length === 1)
    await publish('shared')
    await until('bob to be told', () => b.told.length === 1)
    expect(b.told).toEqual(['events://topics'])
  })

  test('of nothing that may be listened to is refused, and says why', async () => {
    const { ask, hub } = await two()
    const refusal = await ask(
      'subscriptions/listen',
      { notifications: { resourceSubscriptions: [of('bob/1')] } },
      { key: alice.text, id: 7 },
    )
    const { error, id } = await refusal.json()
    expect([refusal.status, id, error.code]).toEqual([200, 7, -32602])
    expect(error.message).toContain('may not read')
    expect(error.message).not.toContain('bob')
    expect(hub.connections).toBe(0)
  })

  test('of what never changes is refused, but not when it asks for changes of the catalogue too', async () => {
    served = await statelessHub()
    const notifications = { resourceSubscriptions: ['fixed://page'] }
    const { error } = await (await served.ask('subscriptions/listen', { notifications })).json()
    expect(error.code).toBe(-32602)
    const stream = await served.listen(['fixed://page'], { flags: { toolsListChanged: true } })
    expect(await stream.acknowledged()).toEqual({ toolsListChanged: true })
  })

  test('of 65 resources is refused, and takes no place', async () => {
    served = await statelessHub()
    const uris = Array.from({ length: 65 }, (_, index) => of(`t/${index}`))
    const answer = await served.ask('subscriptions/listen', { notifications: { resourceSubscriptions: uris } })
    const { error } = await answer.json()
    expect([error.code, error.message]).toEqual([-32602, expect.stringContaining('At most 64')])
    expect(served.hub.connections).toBe(0)
    const stream = await served.listen([...uris.slice(0, 64), uris[0]!])
    expect((await stream.acknowledged()).resourceSubscriptions.length).toBe(64)
    expect(served.hub.connections).toBe(1)
  })

  test('takes one place among the connections, with or without resources, and gives it back', async () => {
    served = await statelessHub({ limits: { connections: 2 } })
    const { hub } = served
    const streams = [
      await served.listen([of('a')]),
      await served.listen([], { flags: { toolsListChanged: true, promptsListChanged: true } }),
    ]
    await Promise.all(streams.map((stream) => stream.acknowledged()))
    for (const refused of [
      await served.ask('subscriptions/listen', { notifications: { resourceSubscriptions: [of('a')] } }, { id: 'r' }),
      await served.ask('subscriptions/listen', { notifications: { toolsListChanged: true } }, { id: 'r' }),
    ]) {
      expect(refused.status).toBe(503)
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
      const { error, id } = await refused.json()
      expect([id, error.code]).toEqual(['r', -32000])
    }
    for (const stream of streams) stream.drop()
    await until('the places to be free', () => hub.connections === 0 && hub.admission.refusal(byLocal) === undefined)
    const again = [await served.listen([of('a')]), await served.listen([of('a')])]
    await Promise.all(again.map((stream) => stream.acknowledged()))
    expect(hub.connections).toBe(2)
  })

  test('tells changes of the catalogue to those who asked for them', async () => {
    served = await statelessHub()
    const tools = await served.listen([], { flags: { toolsListChanged: true } })
    const resources = await served.listen([of('a')], { flags: { resourcesListChanged: true } })
    await Promise.all([tools.acknowledged(), resources.acknowledged()])
    served.mcp.announce('tools')
    served.mcp.announce('resources')
    await until('both to be told', () => tools.messages.length > 1 && resources.messages.length > 1)
    const methods = (messages: { method: string }[]) => messages.slice(1).map(({ method }) => method)
    expect(methods(tools.messages)).toEqual(['notifications/tools/list_changed'])
    expect(methods(resources.messages)).toEqual(['notifications/resources/list_changed'])
  })

  test('ends with a last word when its credential does', async () => {
    const clock = new ManualClock()
    const brief = testKey('brief', { subscribe: ['**'] }, clock.now() + 5000)
    served = await statelessHub({ access: keySettings([brief]), clock, now: () => clock.now() })
    const stream = await served.listen([of('a')], { key: brief.text, id: 5 })
    await stream.acknowledged()
    clock.pass(4999)
    await publish('a')
    await until('it to be told', () => stream.told.length === 1)
    expect(stream.ended).toBe(false)
    clock.pass(2000)
    await until('it to end', () => stream.ended)
    expect(stream.told).toEqual([of('a')])
    expect(stream.messages.length).toBe(3)
    expect(stream.messages[2]).toMatchObject({ id: 5, result: { resultType: 'complete' } })
    expect(served.hub.connections).toBe(0)
  })

  test('ends with a last word when a reload takes the key away, and goes on for others', async () => {
    await two()
    const streams = [
      await served!.listen([of('alice/1')], { key: alice.text, id: 5 }),
      await served!.listen([], { key: alice.text, id: 6, flags: { toolsListChanged: true } }),
    ]
    const other = await served!.listen([of('bob/1')], { key: bob.text })
    await Promise.all([...streams, other].map((stream) => stream.acknowledged()))
    await served!.reload(keySettings([bob]))
    await until('alice to be told', () => streams.every(({ ended }) => ended))
    expect(streams.map(({ messages }) => messages.at(-1).result?.resultType)).toEqual(['complete', 'complete'])
    await publish('bob/1')
    await until('bob to be told', () => other.told.length === 1)
    expect(other.ended).toBe(false)
  })

  test('ends with a last word when the server stops, and is refused from then on', async () => {
    served = await statelessHub()
    const streams = [
      await served.listen([of('a')], { id: 1 }),
      await served.listen([], { id: 2, flags: { toolsListChanged: true } }),
    ]
    await Promise.all(streams.map((stream) => stream.acknowledged()))
    await served.mcp.drain()
    await until('both to end', () => streams.every(({ ended }) => ended))
    expect(streams.map(({ messages }) => messages.at(-1))).toMatchObject([
      { id: 1, result: { resultType: 'complete' } },
      { id: 2, result: { resultType: 'complete' } },
    ])
    const refused = await served.ask('subscriptions/listen', { notifications: { toolsListChanged: true } })
    expect([refused.status, (await refused.json()).error.code]).toEqual([503, -32000])
  })

  test('is released whole when its client goes', async () => {
    served = await statelessHub()
    const streams = await Promise.all(Array.from({ length: 20 }, () => served!.listen([of('a'), 'events://topics'])))
    await Promise.all(streams.map((stream) => stream.acknowledged()))
    expect(served.hub.connections).toBe(20)
    for (const stream of streams) stream.drop()
    await until('all to be gone', () => served!.hub.connections === 0)
    expect(served.hub.audiences).toBe(0)
  })

  test('stays open over the greatest age of a subscription, and misses nothing', async () => {
    const clock = new ManualClock()
    served = await statelessHub({ clock, limits: { maxAgeMs: 10_000 } })
    const stream = await served.listen([of('a')])
    await stream.acknowledged()
    for (let round = 1; round <= 30; round++) {
      clock.pass(1500)
      await publish('a')
      await until('it to be told', () => stream.told.length === round)
    }
    expect(stream.ended).toBe(false)
    expect(served.hub.connections).toBe(1)
  })

  test('of a reader that has stopped is cut off, and delays nobody', async () => {
    const clock = new ManualClock()
    served = await statelessHub({ clock, mcpLimits: { maxQueueBytes: 256 * 1024 } })
    const { port, hub } = served
    const topics = Array.from({ length: 64 }, (_, index) => `${'x'.repeat(480)}/${index}`)
    const request = statelessRequest('subscriptions/listen', {
      notifications: { resourceSubscriptions: topics.map(of) },
    })
    const stalled = await StallingReader.stalled(port, '/mcp', {
      needle: 'acknowledged',
      headers: headerLines(request.headers),
      body: request.body,
    })
    const healthy = await served.listen(topics.map(of))
    await healthy.acknowledged()
    for (let round = 1; hub.connections > 1; round++) {
      expect(round).toBeLessThan(300)
      await publish(...topics)
      await until('the healthy one to be told', () => healthy.told.length >= round * 64)
      clock.pass(1000)
    }
    expect(hub.connections).toBe(1)
    expect(healthy.ended).toBe(false)
    stalled.hangUp()
  })
})
