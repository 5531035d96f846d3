import { afterEach, describe, expect, test } from 'bun:test'
import type { TestKey } from '../../support/access.ts'
import { AiSdkReceiver, type AiSdkWay, aiSdkEvents } from '../../support/ai-sdk-events.ts'
import { Executable } from '../../support/executable.ts'
import { reload, writeSettings } from '../../support/reload.ts'
import { until } from '../../support/until.ts'
import { adminKey, WebhookCaller, webhookExecutable } from '../../support/webhook-executable.ts'

let server: Executable | undefined
let receiver: AiSdkReceiver
const closing: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close()
  expect(server?.output ?? '').not.toContain('internal error')
  await server?.remove()
  server = undefined
})

const MODERN = { version: '2026-07-28', discovery: true, path: '/mcp' } as const
const WAYS: (AiSdkWay & { version: string })[] = [
  MODERN,
  { version: '2025-11-25', discovery: false, path: '/mcp' },
  { version: '2025-11-25', discovery: false, path: '/sse' },
]
const SKETCH = { NotFound: -32011, Forbidden: -32012, Unsupported: -32014 }

async function clientOf(key: TestKey, way: AiSdkWay) {
  receiver = new AiSdkReceiver()
  const client = await aiSdkEvents(server!.url, key.text, receiver.store, way)
  closing.push(receiver, client)
  return client
}

const toReceiver = () => ({ mode: 'webhook' as const, url: receiver.url, allowInsecureLocalhost: true })

describe.each(WAYS)('the client of the AI SDK in $version over $path', (way) => {
  test('lists, subscribes by a challenge, is sent what is published once, refreshes, and is sent nothing when it unsubscribed', async () => {
    const key = adminKey()
    server = await webhookExecutable([key])
    const caller = new WebhookCaller(server, key.text)
    const client = await clientOf(key, way)
    expect(client.initializeResult.protocolVersion).toBe(way.version)
    const events = client.experimental_events
    expect((await events.list()).events.map(({ name, delivery }) => [name, delivery])).toEqual([
      ['topic.event', ['webhook', 'push', 'poll']],
    ])
    await caller.publish('orders/1', 'before there was a subscription')

    const subscribed = await events.subscribe({
      name: 'topic.event',
      arguments: { topic: 'orders/**' },
      delivery: toReceiver(),
      ttlMs: 3_600_000,
    })
    expect(receiver.answers).toEqual([{ kind: 'verification', status: 200 }])
    const endsIn = Date.parse(subscribed.refreshBefore!) - Date.now()
    expect(endsIn).toBeGreaterThan(3_500_000)
    expect(endsIn).toBeLessThanOrEqual(3_600_000)

    const published = []
    for (let total = 1; total <= 20; total++) published.push(await caller.publish('orders/42', { total }))
    await caller.publish('builds/1', 'of another topic')
    await until('all of them', () => receiver.data.length >= 20)
    const handed = receiver.of('event') as { eventId: string; name: string; data: { topic: string; data: unknown } }[]
    expect(handed.map(({ eventId }) => eventId).toSorted()).toEqual(published.toSorted())
    expect(handed.map(({ data }) => (data.data as { total: number }).total).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 1),
    )
    expect(new Set(handed.map(({ name, data }) => `${name} ${data.topic}`))).toEqual(new Set(['topic.event orders/42']))

    await until('them to be settled', async () => (await caller.json(`/webhooks/${subscribed.id}`)).delivered === 20)
    const refreshed = await events.refresh({ id: subscribed.id })
    expect(refreshed).toMatchObject({ id: subscribed.id, deliveryStatus: { active: true, lastError: null } })
    expect(Date.parse((refreshed.deliveryStatus as { lastDeliveryAt: string }).lastDeliveryAt)).toBeGreaterThan(
      Date.now() - 60_000,
    )
    // No other challenge, and what came was not refused.
    expect(receiver.answers.filter(({ kind, status }) => kind !== 'event' || status >= 300)).toHaveLength(1)

    await events.unsubscribe({ id: subscribed.id })
    await caller.publish('orders/42', 'after it')
    // A subscription of another callback, made later, has its event: what was to come for the first one had its time.
    const probe = await clientOf(key, way)
    await probe.experimental_events.subscribe({
      name: 'topic.event',
      arguments: { topic: 'orders/**' },
      delivery: toReceiver(),
    })
    await caller.publish('orders/42', 'to the other')
    await until('the other one', () => receiver.data.length === 1)
    expect((closing[0] as AiSdkReceiver).data).toHaveLength(20)
    expect((await caller.json('/webhooks')).webhooks).toHaveLength(1)
    expect((closing[0] as AiSdkReceiver).errors).toEqual([])
  }, 60_000)
})

test('what its receiver could not keep comes again with the id by which it is known', async () => {
  const key = adminKey()
  server = await webhookExecutable([key])
  const caller = new WebhookCaller(server, key.text)
  const client = await clientOf(key, MODERN)
  await client.experimental_events.subscribe({
    name: 'topic.event',
    arguments: { topic: 't' },
    delivery: toReceiver(),
  })
  receiver.refusing = 1
  const id = await caller.publish('t', 'kept in the end')
  // A pause of ten seconds is between them.
  await until('it to come again', () => receiver.answers.length === 3, 60_000)
  expect(receiver.answers.map(({ status }) => status)).toEqual([200, 503, 204])
  expect(receiver.handed.map(({ subscription, value }) => [subscription, value.eventId])).toEqual(
    Array(2).fill([receiver.handed[0]!.subscription, id]),
  )
}, 90_000)

describe.each(WAYS)('in $version over $path, what ends or is missing is told, and handled by the AI SDK', (way) => {
  test('gap: what was kept no more after a restart and being switched on again; what is kept still comes', async () => {
    const key = adminKey()
    server = await webhookExecutable([key], { MCP_SSE_RETENTION_MAX_EVENTS: '10' })
    const caller = new WebhookCaller(server, key.text)
    const client = await clientOf(key, way)
    const { id } = await client.experimental_events.subscribe({
      name: 'topic.event',
      arguments: { topic: 't' },
      delivery: toReceiver(),
    })
    await caller.publish('t', 'first')
    await until('the first', () => receiver.data.length === 1)
    expect(await caller.json(`/webhooks/${id}/disable`, { method: 'POST' })).toMatchObject({ state: 'disabled' })
    for (let n = 0; n < 40; n++) await caller.publish('t', n)
    await until('the oldest to be gone', async () => {
      const { events } = await caller.json('/events/t?format=json&since=earliest')
      return events[0].data !== 'first' && events.length < 40
    })
    // What waits in memory would still come.
    await server.kill('SIGTERM')
    await server.start()
    expect(await caller.json(`/webhooks/${id}/enable`, { method: 'POST' })).toMatchObject({ state: 'active' })
    await caller.publish('t', 'last')
    await until('the last', () => receiver.data.some((data) => (data as { data: unknown }).data === 'last'))
    await until('the gap', () => receiver.of('gap').length > 0)
    expect(receiver.of('gap')).toMatchObject([{ type: 'gap', cursor: expect.stringMatching(/^[a-z0-9]+\.\d+$/) }])
    expect(receiver.data.length).toBeLessThan(40)
    const row = [...receiver.store.rows.values()][0]!
    expect(row).toMatchObject({ id, status: 'active' })
  }, 60_000)

  test('terminated: its key was taken away, with Forbidden; its type is gone, with NotFound; its schema was changed, with Unsupported', async () => {
    const [reader, keeper] = [adminKey('reader'), adminKey('keeper')]
    server = await Executable.serve({ MCP_SSE_WEBHOOKS_ALLOW_LOOPBACK: 'true' })
    const type = (name: string, property: string) =>
      `[[event_types]]\nname = "${name}"\ndescription = "Has happened."\ntopic = "${name}/**"\n` +
      `payload_schema = { type = "object", properties.${property}.type = "string" }\n`
    const restart = async (...parts: (string | TestKey)[]) => {
      await server!.kill('SIGTERM')
      writeSettings(server!, ...parts)
      await server!.start()
    }
    await restart(reader, keeper, type('gone', 'a'), type('changed', 'a'), type('added', 'a'))
    const subscribeAll = async (key: TestKey, names: string[]) => {
      const client = await clientOf(key, way)
      for (const name of names) {
        await client.experimental_events.subscribe({ name, arguments: {}, delivery: toReceiver() })
      }
      return receiver
    }
    const ofKeeper = await subscribeAll(keeper, ['gone', 'changed', 'added'])
    const ofReader = await subscribeAll(reader, ['added'])
    expect(ofReader.store.rows.size).toBe(1)

    writeSettings(server, keeper, type('gone', 'a'), type('changed', 'a'), type('added', 'a'))
    expect(await reload(server)).toContain('keys removed reader')
    await until('the end of the reader', () => ofReader.of('terminated').length === 1)
    expect(ofReader.of('terminated')).toEqual([
      { type: 'terminated', error: { code: SKETCH.Forbidden, message: 'Forbidden', data: expect.anything() } },
    ])
    await until('its row to be gone', () => ofReader.store.rows.size === 0)
    expect(ofKeeper.of('terminated')).toEqual([])

    await restart(
      keeper,
      type('changed', 'b'),
      `${type('added', 'a').trimEnd().slice(0, -2)}, properties.b.type = "string" }\n`,
    )
    await until('the end of two', () => ofKeeper.of('terminated').length === 2)
    const errors = (ofKeeper.of('terminated') as { error: { code: number } }[]).map(({ error }) => error)
    expect(errors.toSorted((a, b) => b.code - a.code)).toEqual([
      { code: SKETCH.NotFound, message: 'NotFound', data: { kind: 'event' } },
      {
        code: SKETCH.Unsupported,
        message: 'Unsupported',
        data: { feature: 'payloadSchema', reason: 'schema_changed' },
      },
    ] as never)
    await until('their rows to be gone', () => ofKeeper.store.rows.size === 1)
    const caller = new WebhookCaller(server, keeper.text)
    await caller.publish('added/1', { a: 'x', b: 'y' })
    await until('what was only added to goes on', () => ofKeeper.data.length === 1)
    expect(ofReader.data).toEqual([])
  }, 60_000)
})
