import { afterEach, expect, test } from 'bun:test'
import {
  createMCPClient,
  type Experimental_MCPEventStore as MCPEventStore,
  type Experimental_MCPEventSubscription as MCPEventSubscription,
} from '@ai-sdk/mcp'
import { bearer, keySettings, testKey } from '../../support/access.ts'
import { GRANTED, ScriptedDesk } from '../../support/scripted-desk.ts'
import { registerSecret } from '../../support/secrets.ts'
import { type ServedHub, servedHub } from '../../support/served-hub.ts'
import { until } from '../../support/until.ts'

let served: ServedHub
afterEach(async () => {
  expect(served.reports).toEqual([])
  await served.close()
})

/** The least its client keeps. */
function memoryStore(): MCPEventStore & { rows: Map<string, MCPEventSubscription> } {
  const rows = new Map<string, MCPEventSubscription>()
  return {
    rows,
    get: async (key) => rows.get(key),
    getById: async (id) => [...rows.values()].find((row) => row.id === id),
    set: async (row) => void rows.set(row.key, row),
    update: async (key, patch) => void rows.set(key, { ...rows.get(key)!, ...patch }),
    delete: async (key) => void rows.delete(key),
  }
}

test.each([
  { discovery: true, version: '2026-07-28' },
  { discovery: false, version: '2025-11-25' },
])(
  'the client of the AI SDK in $version lists, subscribes, refreshes and unsubscribes',
  async ({ discovery, version }) => {
    const desk = new ScriptedDesk()
    const reader = testKey('reader', { subscribe: ['orders/**'] })
    served = await servedHub({ webhookOffer: desk, access: keySettings([reader]), mcpLimits: { jsonWithinMs: 100 } })
    const store = memoryStore()
    const client = await createMCPClient({
      transport: { type: 'http', url: `${served.url}/mcp`, headers: bearer(reader.text) },
      protocolVersionDiscovery: discovery,
      experimental_events: { store },
    })
    expect(client.initializeResult.protocolVersion).toBe(version)
    const events = client.experimental_events
    expect((await events.list()).events.map(({ name, delivery }) => [name, delivery])).toEqual([
      ['topic.event', ['webhook', 'push', 'poll']],
    ])

    const refreshBefore = Date.now() + 3_600_000
    const listening = served.mcp.streams
    // A challenge may take longer than an answer that is one document.
    desk.subscribes = async () => {
      await until('the answer to stream', () => served.mcp.streams > listening)
      return { ...GRANTED, refreshBefore }
    }
    const subscribed = await events.subscribe({
      name: 'topic.event',
      arguments: { topic: 'orders/**' },
      delivery: { mode: 'webhook', url: 'https://hooks.example.net/cb' },
      ttlMs: 3_600_000,
    })
    expect(subscribed).toMatchObject({ id: GRANTED.id, refreshBefore: new Date(refreshBefore).toISOString() })
    const [{ url, secret, principal, ttlMs }] = desk.asked as [(typeof desk.asked)[number]]
    registerSecret(secret, 'the secret the AI SDK made')
    expect([new URL(url).host, principal.id, ttlMs]).toEqual(['hooks.example.net', 'key:reader', 3_600_000])

    const status = { active: true, lastDeliveryAt: refreshBefore, lastError: null, failedSince: undefined }
    desk.subscribes = () => ({ ...GRANTED, refreshBefore, status })
    await events.refresh({ id: subscribed.id })
    expect([desk.asked[1]!.url, desk.asked[1]!.secret === secret]).toEqual([url, true])

    await events.unsubscribe({ id: subscribed.id })
    expect(desk.removed).toEqual([
      { principal: 'key:reader', url, name: 'topic.event', arguments: { topic: 'orders/**' } },
    ])
    expect(store.rows.size).toBe(0)
    await client.close()
  },
)
