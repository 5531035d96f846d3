import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { bearer } from '../../support/access.ts'
import { configuredKey, keysVariable } from '../../support/configured-key.ts'
import { Executable } from '../../support/executable.ts'
import { Incoming } from '../../support/incoming.ts'
import { MCP_VERSIONS } from '../../support/mcp-kinds.ts'
import { until } from '../../support/until.ts'

/** One answer to compare byte by byte; only its date and the id of its request may differ. */
async function wire(
  answering: Promise<Response>,
): Promise<{ status: number; headers: [string, string][]; body: string }> {
  const answer = await answering
  const headers = [...answer.headers].filter(([name]) => name !== 'date' && name !== 'x-request-id').sort()
  // One that was let in would have no end.
  const stream = answer.headers.get('content-type')?.startsWith('text/event-stream')
  return { status: answer.status, headers, body: stream ? 'a stream' : await answer.text() }
}

describe('a session of another principal', () => {
  // The grants of both are the same: what keeps them apart is who they are.
  const grants = { publish: ['**'], subscribe: ['**'] }
  const annsKey = configuredKey('ann', grants)
  const evesKey = configuredKey('eve', grants)
  let server: Executable

  beforeAll(async () => {
    server = await Executable.serve({ MCP_SSE_AUTH_KEYS: keysVariable(annsKey, evesKey) })
  })
  afterAll(async () => {
    await server?.remove()
  })

  const ACCEPT = { accept: 'application/json, text/event-stream' }
  const initialize = (protocolVersion: string) => ({
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: { protocolVersion, capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
  })
  const PING = { jsonrpc: '2.0', id: 1, method: 'ping' }

  interface Asked {
    method?: string
    session?: string
    lastEventId?: string
    body?: unknown
    path?: string
    signal?: AbortSignal
  }

  function ask(key: string, { method = 'POST', session, lastEventId, body, path = '/mcp', signal }: Asked) {
    return fetch(server.url + path, {
      method,
      signal,
      headers: {
        ...bearer(key),
        ...(method === 'GET' ? { accept: 'text/event-stream' } : ACCEPT),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(session === undefined ? {} : { 'mcp-session-id': session }),
        ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  }

  async function open(key: string, version: string): Promise<string> {
    const answer = await ask(key, { body: initialize(version) })
    await answer.text()
    expect(answer.status).toBe(200)
    const session = answer.headers.get('mcp-session-id')!
    const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' }
    expect((await ask(key, { session, body: initialized })).status).toBe(202)
    return session
  }

  /** As long as a real one, and nobody’s. */
  const madeUp = (session: string) => [...session].reverse().join('')

  for (const { name, path } of MCP_VERSIONS) {
    if (path === '/sse' || name === '2026-07-28') continue

    test.each(['POST', 'GET', 'DELETE'])(
      `is unknown in ${name}, byte for byte as a made-up one is: %s`,
      async (method) => {
        const session = await open(annsKey.text, name)
        const body = method === 'POST' ? PING : undefined
        const unknown = await wire(ask(evesKey.text, { method, session: madeUp(session), body }))
        expect(unknown.status).toBe(404)
        expect(await wire(ask(evesKey.text, { method, session, body }))).toEqual(unknown)
        expect((await ask(annsKey.text, { session, body: PING })).status).toBe(200)
      },
    )

    test(`is not taken over by initialize in ${name}`, async () => {
      const session = await open(annsKey.text, name)
      const answer = await ask(evesKey.text, { session, body: initialize(name) })
      await answer.text()
      expect(answer.status).toBe(200)
      expect(answer.headers.get('mcp-session-id')).not.toBe(session)
      expect((await ask(annsKey.text, { session, body: PING })).status).toBe(200)
    })

    test(`does not give its streams away in ${name}: a Last-Event-ID of it resumes for its owner alone`, async () => {
      const session = await open(annsKey.text, name)
      const evesSession = await open(evesKey.text, name)
      const [his, hers] = ['events://topics/his', 'events://topics/hers']
      expect((await subscribed(annsKey.text, session, his)).status).toBe(200)
      const stream = await streamOf(annsKey.text, { session })
      await publish('his')
      await updated(stream, his)
      const lastEventId = stream.lastId!
      stream.drop()
      await publish('his')
      // With her own session she resumes hers, in which that id never was, and with his she is nobody.
      const again = { method: 'GET', lastEventId }
      const unknown = await wire(ask(evesKey.text, { ...again, session: madeUp(session) }))
      expect(unknown.status).toBe(404)
      expect(await wire(ask(evesKey.text, { ...again, session }))).toEqual(unknown)
      const herStream = await streamOf(evesKey.text, { lastEventId, session: evesSession })
      await publish('his')
      expect((await subscribed(evesKey.text, evesSession, hers)).status).toBe(200)
      await publish('hers')
      await updated(herStream, hers)
      expect(herStream.told).toEqual([hers])
      herStream.drop()
      const resumed = await streamOf(annsKey.text, { lastEventId, session })
      await updated(resumed, his)
      resumed.drop()
    })
  }

  test('is unknown to POST /messages of HTTP+SSE, byte for byte as a made-up one is', async () => {
    const stream = await streamOf(annsKey.text, { path: '/sse' })
    const endpoint = await until('the endpoint', () => stream.blocks.find(({ type }) => type === 'endpoint')?.data)
    const path = (session: string) => `/messages?sessionId=${session}`
    const session = new URL(endpoint, server.url).searchParams.get('sessionId')!
    const unknown = await wire(ask(evesKey.text, { path: path(madeUp(session)), body: PING }))
    expect(unknown.status).toBe(404)
    expect(await wire(ask(evesKey.text, { path: path(session), body: PING }))).toEqual(unknown)
    // It is not one of Streamable HTTP either, not even for its owner.
    expect((await ask(annsKey.text, { session, body: PING })).status).toBe(404)
    expect((await ask(annsKey.text, { path: path(session), body: initialize('2024-11-05') })).status).toBe(202)
    stream.drop()
  })

  function publish(topic: string): Promise<Response> {
    return fetch(`${server.url}/events/${topic}`, { method: 'POST', body: 'x', headers: bearer(annsKey.text) })
  }

  async function streamOf(key: string, asked: Asked): Promise<Incoming> {
    const abort = new AbortController()
    const stream = new Incoming(await ask(key, { ...asked, method: 'GET', signal: abort.signal }), abort)
    expect(stream.response.status).toBe(200)
    return stream
  }

  function subscribed(key: string, session: string, uri: string): Promise<Response> {
    return ask(key, { session, body: { jsonrpc: '2.0', id: 2, method: 'resources/subscribe', params: { uri } } })
  }

  async function updated(stream: Incoming, uri: string): Promise<void> {
    await until(`a word of ${uri}`, () => stream.told.includes(uri))
  }
})
