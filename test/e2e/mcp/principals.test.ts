import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { bearer } from '../../support/access.ts'
import { configuredKey, keysVariable } from '../../support/configured-key.ts'
import { Executable } from '../../support/executable.ts'
import type { McpClient, ToolAnswer } from '../../support/mcp-client.ts'
import { connect, MCP_VERSIONS } from '../../support/mcp-kinds.ts'
import { until } from '../../support/until.ts'

const TOPIC_TEMPLATE = 'events://topics/{+topic}'
/** A wait that ends within this without an event to end it is not waiting. */
const LONG_ENOUGH_MS = 200

/** A failure as its client has it, without the one name that tells it from another. */
async function refusal(asked: Promise<unknown>, name: string): Promise<string> {
  const said = await asked.then(
    (answer) => {
      if ((answer as ToolAnswer).isError !== true) throw new Error(`${name} was not refused: ${JSON.stringify(answer)}`)
      return (answer as ToolAnswer).text
    },
    (error: Error) => error.message,
  )
  return said.replaceAll(name, '<it>').replaceAll(encodeURIComponent(name), '<it>')
}

describe('two principals at once', () => {
  const annsKey = configuredKey('ann', { publish: ['ann/**'], subscribe: ['ann/**'] })
  const bobsKey = configuredKey('bob', { publish: ['bob/**'], subscribe: ['bob/**'] })
  let server: Executable

  beforeAll(async () => {
    server = await Executable.serve({ MCP_SSE_AUTH_KEYS: keysVariable(annsKey, bobsKey) })
  })
  afterAll(async () => {
    await server?.remove()
  })

  for (const [index, kind] of MCP_VERSIONS.entries()) {
    describe(kind.name, () => {
      const mine = `ann/${index}`
      const theirs = `bob/${index}`
      let ann: McpClient
      let bob: McpClient
      let myCursor: string
      let theirCursor: string

      beforeAll(async () => {
        ann = await connect(kind, server, annsKey.text)
        bob = await connect(kind, server, bobsKey.text)
        myCursor = (await ann.call('publish_event', { topic: mine, data: 'of ann' })).structured.cursor as string
        theirCursor = await publishByBob('of bob')
      })
      afterAll(async () => {
        await ann?.close()
        await bob?.close()
      })

      async function publishByBob(data: string): Promise<string> {
        const { structured } = await bob.call('publish_event', { topic: theirs, data })
        return structured.cursor as string
      }

      test('events: a pattern shows one’s own alone, and a topic of the other is refused as an absent one is', async () => {
        for (const topics of [undefined, ['**'], ['*/*']]) {
          const { structured } = await ann.call('read_events', {
            ...(topics && { topics }),
            since: 'earliest',
            limit: 100,
          })
          const seen = (structured.events as { topic: string }[]).map(({ topic }) => topic)
          expect(seen).toContain(mine)
          expect(seen.filter((topic) => !topic.startsWith('ann/'))).toEqual([])
        }
        for (const tool of ['read_events', 'wait_for_event']) {
          const existing = await refusal(ann.call(tool, { topics: [theirs] }), theirs)
          expect(existing).toContain('forbidden')
          expect(existing).toBe(await refusal(ann.call(tool, { topics: ['bob/none'] }), 'bob/none'))
        }
        const foreign = await refusal(ann.call('publish_event', { topic: theirs, data: 1 }), theirs)
        expect(foreign).toBe(await refusal(ann.call('publish_event', { topic: 'bob/none', data: 1 }), 'bob/none'))
      })

      test('waiting: an event of the other wakes nobody', async () => {
        const waiting = ann.call('wait_for_event', { topics: ['**'], since: myCursor, timeout_seconds: 30 })
        expect(await Promise.race([waiting, Bun.sleep(LONG_ENOUGH_MS)])).toBeUndefined()
        await publishByBob('does not wake ann')
        const bobs = bob.call('wait_for_event', { topics: ['**'], since: theirCursor })
        expect((await bobs).structured.events).toMatchObject([{ data: 'does not wake ann' }])
        expect(await Promise.race([waiting, Bun.sleep(LONG_ENOUGH_MS)])).toBeUndefined()
        await ann.call('publish_event', { topic: mine, data: 'wakes ann' })
        expect((await waiting).structured.events).toMatchObject([{ topic: mine, data: 'wakes ann' }])
      })

      test('topics, resources and completions: nothing of the other is named', async () => {
        const named = [
          JSON.stringify((await ann.call('list_topics', {})).structured),
          JSON.stringify(await ann.resources()),
          await ann.read('events://topics'),
          await ann.read('events://topics/**'),
          JSON.stringify((await ann.call('hub_status', {})).structured),
        ]
        for (const text of named) expect(text).not.toContain('bob')
        for (const text of named.slice(0, 4)) expect(text).toContain(mine)
        expect(await ann.complete(TOPIC_TEMPLATE, 'topic', 'bob')).toEqual([])
        expect(await ann.complete(TOPIC_TEMPLATE, 'topic', '')).not.toContain(theirs)
      })

      test('a resource of the other is answered as an absent one is', async () => {
        const beyond = theirCursor.replace(/\d+$/, '999999')
        const foreign = await refusal(ann.read(`events://events/${theirCursor}`), theirCursor)
        expect(foreign).toBe(await refusal(ann.read(`events://events/${beyond}`), beyond))
        const topic = await refusal(ann.read(`events://topics/${theirs}`), theirs)
        expect(topic).toBe(await refusal(ann.read('events://topics/bob/none'), 'bob/none'))
        expect(await bob.read(`events://events/${theirCursor}`)).toContain('of bob')
      })

      test('notifications: one is told of one’s own events alone', async () => {
        const anns = await ann.subscribe('events://topics/**')
        const bobs = await bob.subscribe('events://topics/**')
        await publishByBob('not told to ann')
        await until('a notification of bob', () => bobs.told.length > 0)
        await Bun.sleep(LONG_ENOUGH_MS)
        expect(anns.told).toEqual([])
        await ann.call('publish_event', { topic: mine, data: 'told to ann' })
        await until('a notification of ann', () => anns.told.length > 0)
        const foreign = await refusal(ann.subscribe(`events://topics/${theirs}`), theirs)
        expect(foreign).toBe(await refusal(ann.subscribe('events://topics/bob/none'), 'bob/none'))
      })
    })
  }
})

/** One answer to compare byte by byte; only its date may differ. */
async function wire(
  answering: Promise<Response>,
): Promise<{ status: number; headers: [string, string][]; body: string }> {
  const answer = await answering
  const headers = [...answer.headers].filter(([name]) => name !== 'date').sort()
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
      const uri = 'events://topics/resumed'
      const subscribe = { jsonrpc: '2.0', id: 2, method: 'resources/subscribe', params: { uri } }
      expect((await ask(annsKey.text, { session, body: subscribe })).status).toBe(200)
      const first = await untilUpdated(ask(annsKey.text, { method: 'GET', session }), uri, true)
      const evesSession = await open(evesKey.text, name)
      // With her own session she resumes hers, in which that id never was, and with his she is nobody.
      const again = { method: 'GET', lastEventId: first }
      const unknown = await wire(ask(evesKey.text, { ...again, session: madeUp(session) }))
      expect(unknown.status).toBe(404)
      expect(await wire(ask(evesKey.text, { ...again, session }))).toEqual(unknown)
      const cut = new AbortController()
      const hers = await ask(evesKey.text, { ...again, session: evesSession, signal: cut.signal })
      await fetch(`${server.url}/events/resumed`, { method: 'POST', body: 'x', headers: bearer(annsKey.text) })
      const herText = hers.ok ? await textWithin(hers, LONG_ENOUGH_MS) : await hers.text()
      cut.abort()
      expect(herText).not.toContain(uri)
      await untilUpdated(ask(annsKey.text, { ...again, session }), uri, false)
    })
  }

  test('is unknown to POST /messages of HTTP+SSE, byte for byte as a made-up one is', async () => {
    const cut = new AbortController()
    const stream = await ask(annsKey.text, { method: 'GET', path: '/sse', signal: cut.signal })
    const endpoint = await lineAfter(stream, 'data: ')
    const path = (session: string) => `/messages?sessionId=${session}`
    const session = new URL(endpoint, server.url).searchParams.get('sessionId')!
    const unknown = await wire(ask(evesKey.text, { path: path(madeUp(session)), body: PING }))
    expect(unknown.status).toBe(404)
    expect(await wire(ask(evesKey.text, { path: path(session), body: PING }))).toEqual(unknown)
    // It is not one of Streamable HTTP either, not even for its owner.
    expect((await ask(annsKey.text, { session, body: PING })).status).toBe(404)
    expect((await ask(annsKey.text, { path: path(session), body: initialize('2024-11-05') })).status).toBe(202)
    cut.abort()
  })

  /** Reads until the resource was said to be updated, publishing meanwhile. @returns the id of that message */
  async function untilUpdated(opening: Promise<Response>, uri: string, publish: boolean): Promise<string> {
    const answer = await opening
    expect(answer.status).toBe(200)
    if (publish) {
      await fetch(`${server.url}/events/resumed`, { method: 'POST', body: 'x', headers: bearer(annsKey.text) })
    }
    let text = ''
    const decoder = new TextDecoder()
    for await (const chunk of answer.body!) {
      text += decoder.decode(chunk, { stream: true })
      const block = text.split('\n\n').find((each) => each.includes(uri) && each.includes('resources/updated'))
      if (block) return /^id: (.*)$/m.exec(block)?.[1] ?? ''
    }
    throw new Error(`The stream ended without a word of ${uri}: ${text}`)
  }
})

async function lineAfter(answer: Response, prefix: string): Promise<string> {
  let text = ''
  const reader = answer.body!.getReader()
  for (;;) {
    const { value, done } = await reader.read()
    if (done) throw new Error(`The stream ended: ${text}`)
    text += Buffer.from(value).toString()
    const line = text.split('\n').find((each) => each.startsWith(prefix))
    if (line !== undefined && text.includes(`${line}\n`)) {
      reader.releaseLock()
      return line.slice(prefix.length)
    }
  }
}

async function textWithin(answer: Response, ms: number): Promise<string> {
  let text = ''
  const reader = answer.body!.getReader()
  const late = Bun.sleep(ms)
  for (;;) {
    const chunk = await Promise.race([reader.read(), late])
    if (!chunk || chunk.done) return text
    text += Buffer.from(chunk.value).toString()
  }
}
