import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { Client as StatelessClient } from '@modelcontextprotocol/client'
import { StdioClientTransport as StatelessTransport } from '@modelcontextprotocol/client/stdio'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { testKey } from '../support/access.ts'
import { bridgeCommand, INITIALIZED, initialize, startBridge } from '../support/bridge.ts'
import { keysVariable } from '../support/configured-key.ts'
import { Executable } from '../support/executable.ts'
import type { RawToolAnswer } from '../support/mcp-client.ts'
import { freePort } from '../support/port.ts'
import { secret } from '../support/secrets.ts'
import { settled } from '../support/settled.ts'
import { until } from '../support/until.ts'

const INFO = { name: 'mcp-sse-test', version: '1' }
const UPDATED = 'notifications/resources/updated'

/** What the tests do with a client of either generation. */
interface Speaker {
  name: string
  call(tool: string, input: Record<string, unknown>): Promise<Record<string, unknown>>
  tools(): Promise<string[]>
  /** `told` are the URIs of the notifications; `lost` says when a subscription has ended. */
  subscribe(uri: string): Promise<{ told: string[]; lost?: Promise<unknown> }>
  close(): Promise<void>
}

/** What the clients of both generations say alike. */
interface SdkClient {
  getServerVersion(): { name: string } | undefined
  callTool(params: { name: string; arguments: Record<string, unknown> }): Promise<RawToolAnswer>
  listTools(): Promise<{ tools: { name: string }[] }>
  close(): Promise<void>
}

function speaker(client: SdkClient, subscribe: Speaker['subscribe']): Speaker {
  return {
    name: client.getServerVersion()?.name ?? '',
    call: async (name, args) =>
      (await client.callTool({ name, arguments: args })).structuredContent as Record<string, unknown>,
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    subscribe,
    close: () => client.close(),
  }
}

async function v1(url: string, env: Record<string, string>): Promise<Speaker> {
  const client = new Client(INFO)
  const told: string[] = []
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void told.push(params.uri))
  await client.connect(new StdioClientTransport(bridgeCommand(url, { env, executable: true })))
  return speaker(client, async (uri) => {
    await client.subscribeResource({ uri })
    return { told }
  })
}

async function v2(mode: 'auto' | 'legacy', url: string, env: Record<string, string>): Promise<Speaker> {
  const client = new StatelessClient(INFO, { versionNegotiation: { mode } })
  const told: string[] = []
  client.setNotificationHandler(UPDATED, ({ params }) => void told.push(params.uri))
  await client.connect(new StatelessTransport(bridgeCommand(url, { env, executable: true })))
  return speaker(client, async (uri) => {
    if (mode === 'auto') return { told, lost: (await client.listen({ resourceSubscriptions: [uri] })).closed }
    await client.subscribeResource({ uri })
    return { told }
  })
}

/** Everything between the bridge and the hub. */
class Network {
  readonly url: string
  /** Answers that have begun and are streams. */
  streams = 0
  readonly #hub: string
  readonly #port: number
  #server: Bun.Server<undefined> | undefined

  constructor(hub: string, port: number) {
    this.url = `http://127.0.0.1:${port}`
    this.#hub = hub
    this.#port = port
    this.mend()
  }

  mend(): void {
    this.#server = Bun.serve({
      port: this.#port,
      hostname: '127.0.0.1',
      development: false,
      idleTimeout: 60,
      fetch: async (request) => {
        const { method, headers, signal } = request
        const body = method === 'POST' ? { body: await request.text() } : {}
        const answer = await fetch(this.#hub + new URL(request.url).pathname, { method, headers, signal, ...body })
        if (answer.headers.get('content-type')?.startsWith('text/event-stream')) this.streams++
        return new Response(answer.body, answer)
      },
    })
  }

  async break(): Promise<void> {
    await this.#server?.stop(true)
  }
}

const speakers = [
  ['1.x SDK', v1, true],
  ['2.x SDK, sessions', (url: string, env: Record<string, string>) => v2('legacy', url, env), true],
  ['2.x SDK, 2026-07-28', (url: string, env: Record<string, string>) => v2('auto', url, env), false],
] as const

describe('a client that only starts programs', () => {
  const key = testKey('agent', { publish: ['**'], subscribe: ['**'] })
  const env = { MCP_SSE_KEY: key.text }
  let hub: Executable

  beforeAll(async () => {
    hub = await Executable.serve({ MCP_SSE_AUTH_KEYS: keysVariable(key) })
  })
  // A test that failed between its kill and its restart fails alone.
  beforeEach(async () => {
    if (!hub.isRunning) await hub.start()
  })
  afterAll(() => hub.remove())

  const publish = (topic: string, data: string) =>
    fetch(`${hub.url}/events/${topic}`, {
      method: 'POST',
      body: data,
      headers: { authorization: `Bearer ${key.text}` },
    })

  test.each(speakers)('publishes, reads, waits and is notified through stdio: %s', async (label, connect) => {
    const client = await connect(hub.url, env)
    try {
      const topic = `stdio/${label.replaceAll(/\W/g, '')}`
      expect(client.name).toBe('mcp-sse')
      expect(await client.tools()).toContain('publish_event')
      const { told } = await client.subscribe(`events://topics/${topic}`)
      const published = await client.call('publish_event', { topic, data: { n: 1, text: 'ü' } })
      const read = (await client.call('read_events', { topics: [topic] })) as { events: { cursor: string }[] }
      expect(read.events.map(({ cursor }) => cursor)).toEqual([published.cursor as string])
      const waiting = client.call('wait_for_event', { topics: [topic], since: published.cursor, timeout_seconds: 20 })
      await publish(topic, 'second')
      expect(((await waiting) as { events: { data: unknown }[] }).events.map(({ data }) => data)).toEqual(['second'])
      await until('the notification', () => told.length > 0)
      expect(new Set(told)).toEqual(new Set([`events://topics/${topic}`]))
    } finally {
      await client.close()
    }
  })

  test.each(speakers)('goes on after the hub was killed and started again: %s', async (label, connect, remembers) => {
    const client = await connect(hub.url, env)
    try {
      const topic = `restart/${label.replaceAll(/\W/g, '')}`
      const { told, lost } = await client.subscribe(`events://topics/${topic}`)
      await client.call('publish_event', { topic, data: 'before' })
      await until('the first notification', () => told.length > 0)
      await hub.kill('SIGKILL')
      expect(await settled(client.call('hub_status', {}))).toThrow('start it with: mcp-sse serve')
      await hub.start()
      const read = (await client.call('read_events', { topics: [topic] })) as { events: { data: unknown }[] }
      expect(read.events.map(({ data }) => data)).toEqual(['before'])
      // Without a session nothing remembers a subscription, so its end is said.
      if (!remembers) expect(await lost).toBe('remote')
      const again = remembers ? { told } : await client.subscribe(`events://topics/${topic}`)
      const before = again.told.length
      await until('a notification of what comes after', async () => {
        await publish(topic, 'after')
        return again.told.length > before
      })
    } finally {
      await client.close()
    }
  })

  test('a network that breaks costs a session neither a notification nor the answer to a call under way', async () => {
    const network = new Network(hub.url, freePort())
    const client = await v1(network.url, env)
    try {
      const { told } = await client.subscribe('events://topics/net/1')
      const { cursor } = await client.call('hub_status', {})
      const waiting = client.call('wait_for_event', { topics: ['net/2'], since: cursor, timeout_seconds: 20 })
      await until('both streams', () => network.streams >= 2)
      await network.break()
      await publish('net/1', 'while it was away')
      await publish('net/2', 'while it was away')
      network.mend()
      expect(((await waiting) as { events: unknown[] }).events).toHaveLength(1)
      await until('the notification', () => told.length > 0)
    } finally {
      await client.close()
      await network.break()
    }
  })

  test('the address of the events in place of the hub: nothing of the conversation becomes an event', async () => {
    await using bridge = startBridge(`${hub.url}/events`, { env, executable: true })
    expect(await bridge.exited).toBe(2)
    expect(bridge.lines).toEqual([])
    await until('the reason', () => bridge.stderr().endsWith(`Try: mcp-sse topics --url ${hub.url}\n`))
    const page = await fetch(`${hub.url}/topics?pattern=mcp`, { headers: { authorization: `Bearer ${key.text}` } })
    expect(await page.json()).toEqual({ topics: [] })
  })

  test('a key that the hub does not know is said in the hub words and shows up nowhere', async () => {
    const wrong = { MCP_SSE_KEY: secret('a wrong key', 'mcpsse_') }
    await using bridge = startBridge(hub.url, { env: wrong, executable: true })
    bridge.send(initialize())
    const { error } = await bridge.answer(0)
    expect(error).toMatchObject({ code: -32000, data: { status: 401 } })
    expect(error.message).toContain(`Try: MCP_SSE_KEY=<key> mcp-sse stdio --url ${hub.url}`)
    await until('the same on stderr', () => bridge.stderr() !== '')
    expect(bridge.stderr()).toBe(`mcp-sse: ${error.message}\n`)
  })

  test('messages that come all at once are answered before the end, and the end is the end of the session', async () => {
    await using bridge = startBridge(hub.url, { env, executable: true })
    bridge.send(initialize(), INITIALIZED, { jsonrpc: '2.0', id: 1, method: 'tools/list' })
    const { exitCode, ms } = await bridge.end()
    expect(exitCode).toBe(0)
    // The patience of the bridge with answers and good-byes is less than two seconds; the hub's with a session an hour.
    expect(ms).toBeLessThan(20_000)
    expect(bridge.lines.map(({ id, result }) => [id, result !== undefined])).toEqual([
      [0, true],
      [1, true],
    ])
    expect(bridge.stderr()).toBe('')
  })
})
