import { afterEach, describe, expect, test } from 'bun:test'
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import * as z from 'zod'
import { draftOf } from '../../support/draft.ts'
import { type ServedHub, servedHub } from '../../support/served-hub.ts'
import { until } from '../../support/until.ts'
import { EXTENSION, kindOf, topicEvents } from './events-client.ts'

let served: ServedHub
const clients: Client[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  expect(served.reports).toEqual([])
  await served.close()
})

const occurrence = z.strictObject({
  eventId: z.string().regex(/^[a-z0-9_]{1,128}$/),
  name: z.string(),
  timestamp: z.iso.datetime({ offset: true }),
  data: z.record(z.string(), z.unknown()),
})
const pollResult = z.looseObject({
  events: z.array(occurrence),
  cursor: z.string(),
  truncated: z.boolean(),
  hasMore: z.boolean(),
  nextPollMs: z.int(),
})
const listResult = z.looseObject({ events: z.array(z.looseObject({ name: z.string() })) })

const MODES = [
  { name: 'auto', mode: 'auto' as const, path: '/mcp' },
  { name: 'pinned to 2026-07-28', mode: { pin: '2026-07-28' }, path: '/mcp' },
  { name: 'legacy', mode: 'legacy' as const, path: '/mcp' },
  { name: 'legacy over /sse', mode: 'legacy' as const, path: '/sse' },
]

describe.each(MODES)('the client of the official SDK, $name', ({ mode, path }) => {
  test('lists, polls and streams, and ends a stream by cancelling it', async () => {
    served = await servedHub()
    const url = new URL(served.url + path)
    const client = new Client({ name: 'mcp-sse-test', version: '1.0.0' }, { versionNegotiation: { mode } })
    clients.push(client)
    await client.connect(path === '/sse' ? new SSEClientTransport(url) : new StreamableHTTPClientTransport(url))
    expect(client.getServerCapabilities()?.extensions).toEqual({ [EXTENSION]: {} })
    const before = served.hub.connections

    const { events } = await client.request({ method: 'events/list', params: {} }, listResult)
    expect(events.map(({ name }) => name)).toEqual(['topic.event'])

    const poll = (cursor?: string) =>
      client.request({ method: 'events/poll', params: topicEvents('orders/**', { cursor }) }, pollResult)
    const { cursor } = await poll()
    await served.hub.publish([draftOf('orders/1', '{"total":99}')])
    expect((await poll(cursor)).events.map(({ data }) => data.data)).toEqual([{ total: 99 }])

    const told: { method: string; params?: { data?: { data: unknown } } }[] = []
    client.fallbackNotificationHandler = async (notification) => {
      told.push(notification as (typeof told)[number])
    }
    const abort = new AbortController()
    const streaming = client
      .request({ method: 'events/stream', params: topicEvents('orders/**', { cursor }) }, z.looseObject({}), {
        signal: abort.signal,
        timeout: 30_000,
      })
      .catch((error) => error)
    await until('the replay', () => told.length === 2)
    await served.hub.publish([draftOf('orders/2', '"live"')])
    await until('what came live', () => told.length === 3)
    expect(told.map(kindOf)).toEqual(['active', 'event', 'event'])
    expect(told.slice(1).map(({ params }) => params?.data?.data)).toEqual([{ total: 99 }, 'live'])
    expect(served.hub.connections).toBe(before + 1)
    abort.abort()
    expect(await streaming).toBeInstanceOf(Error)
    await until('its place to be free', () => served.hub.connections === before)
  })

  test('resolves the request of a stream with its result when the server stops', async () => {
    served = await servedHub()
    const url = new URL(served.url + path)
    const client = new Client({ name: 'mcp-sse-test', version: '1.0.0' }, { versionNegotiation: { mode } })
    clients.push(client)
    await client.connect(path === '/sse' ? new SSEClientTransport(url) : new StreamableHTTPClientTransport(url))
    let active = false
    client.fallbackNotificationHandler = async () => {
      active = true
    }
    const streaming = client.request(
      { method: 'events/stream', params: topicEvents('orders/**') },
      z.looseObject({ _meta: z.record(z.string(), z.unknown()) }),
      { timeout: 30_000 },
    )
    await until('it to be active', () => active)
    await served.mcp.drain()
    expect(Object.keys((await streaming)._meta)).toContain('io.modelcontextprotocol/subscriptionId')
  })
})
