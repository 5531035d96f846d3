import { afterEach, expect, test } from 'bun:test'
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import * as z from 'zod'
import { bearer } from '../../support/access.ts'
import type { Executable } from '../../support/executable.ts'
import { until } from '../../support/until.ts'
import { adminKey, WebhookCaller, webhookExecutable } from '../../support/webhook-executable.ts'
import { webhookSecretText } from '../../support/webhook-hub.ts'
import { verifies, WebhookReceiver } from '../../support/webhook-receiver.ts'

let server: Executable | undefined
const closing: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close()
  expect(server?.output ?? '').not.toContain('internal error')
  await server?.remove()
  server = undefined
})

const occurrence = z.looseObject({ eventId: z.string(), data: z.looseObject({ data: z.unknown() }) })
const listResult = z.looseObject({
  events: z.array(z.looseObject({ name: z.string(), delivery: z.array(z.enum(['poll', 'push', 'webhook'])) })),
})
const pollResult = z.looseObject({
  events: z.array(occurrence),
  cursor: z.string(),
  truncated: z.boolean(),
  hasMore: z.boolean(),
  nextPollMs: z.int(),
})
const granted = z.looseObject({
  id: z.string().regex(/^sub_[0-9a-f]{32}$/),
  refreshBefore: z.iso.datetime(),
  cursor: z.string(),
  truncated: z.boolean(),
  deliveryStatus: z.looseObject({ active: z.boolean() }).optional(),
})

const MODES = [
  { name: 'auto', mode: 'auto' as const, path: '/mcp' },
  { name: 'pinned to 2026-07-28', mode: { pin: '2026-07-28' }, path: '/mcp' },
  { name: 'legacy', mode: 'legacy' as const, path: '/mcp' },
  { name: 'legacy over /sse', mode: 'legacy' as const, path: '/sse' },
]

test.each(MODES)(
  'the client of the official SDK, $name: an event comes once by poll, by push and by a webhook, with one id',
  async ({ mode, path }) => {
    const key = adminKey()
    server = await webhookExecutable([key])
    const caller = new WebhookCaller(server, key.text)
    const receiver = new WebhookReceiver()
    const client = new Client({ name: 'mcp-sse-test', version: '1.0.0' }, { versionNegotiation: { mode } })
    closing.push(receiver, client)
    const url = new URL(server.url + path)
    const init = { requestInit: { headers: bearer(key.text) } }
    const Transport = path === '/sse' ? SSEClientTransport : StreamableHTTPClientTransport
    await client.connect(new Transport(url, init))

    const { events } = await client.request({ method: 'events/list', params: {} }, listResult)
    expect(events.map(({ name, delivery }) => [name, delivery])).toEqual([['topic.event', ['webhook', 'push', 'poll']]])
    const about = { name: 'topic.event', arguments: { topic: 'orders/**' } }
    const poll = (cursor?: string) =>
      client.request({ method: 'events/poll', params: { ...about, ...(cursor ? { cursor } : {}) } }, pollResult)
    const { cursor } = await poll()

    const secret = webhookSecretText()
    const delivery = { mode: 'webhook', url: receiver.url(), secret }
    const subscribe = () => client.request({ method: 'events/subscribe', params: { ...about, delivery } }, granted)
    const { id, deliveryStatus } = await subscribe()
    expect([receiver.challenges.length, deliveryStatus]).toEqual([1, undefined])
    expect(verifies(receiver.challenges[0]!, secret)).toBe(true)

    const pushed: string[] = []
    let active = false
    client.fallbackNotificationHandler = async ({ method, params }) => {
      active ||= method === 'notifications/events/active'
      if (method === 'notifications/events/event') pushed.push((params as { eventId: string }).eventId)
    }
    const abort = new AbortController()
    const streaming = client
      .request({ method: 'events/stream', params: { ...about, cursor } }, z.looseObject({}), {
        signal: abort.signal,
        timeout: 110_000,
      })
      .catch((error) => error)
    await until('the stream', () => active)

    const published: string[] = []
    for (let total = 1; total <= 10; total++) published.push(await caller.publish('orders/1', { total }))
    await until('all of them, twice', () => receiver.attempts.length >= 10 && pushed.length >= 10)
    expect(pushed).toEqual(published)
    expect(receiver.attempts.map((each) => each.id).toSorted()).toEqual(published.toSorted())
    expect(receiver.attempts.every((each) => each.subscription === id && verifies(each, secret))).toBe(true)
    expect((await poll(cursor)).events.map(({ eventId }) => eventId)).toEqual(published)

    abort.abort()
    expect(await streaming).toBeInstanceOf(Error)
    expect(await subscribe()).toMatchObject({ id, deliveryStatus: { active: true } })
    const { secret: _, ...without } = delivery
    const end = { method: 'events/unsubscribe', params: { ...about, delivery: without } }
    await client.request(end, z.looseObject({}))
    expect((await caller.json('/webhooks')).webhooks).toEqual([])
  },
)
