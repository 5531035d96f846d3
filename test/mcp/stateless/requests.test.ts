import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { keySettings, testKey } from '../../support/access.ts'
import { keyNamed } from '../../support/authority.ts'
import { draftOf } from '../../support/draft.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { settled } from '../../support/settled.ts'
import { INNER_WORDS } from '../../support/small-catalogue.ts'
import { StallingReader } from '../../support/stalling-reader.ts'
import {
  headerLines,
  type MessageStream,
  type StatelessHub,
  statelessHub,
  statelessRequest,
  VERSION,
} from '../../support/stateless-hub.ts'
import { until } from '../../support/until.ts'

let served: StatelessHub
/** Failures that the test is about. */
let expected: string[]
beforeEach(async () => {
  expected = []
  served = await statelessHub()
})
afterEach(async () => {
  expect(served.reports.map(String)).toEqual(expected)
  await served.close()
})

const PROGRESS = { progressToken: 'p' }

describe('a request of 2026-07-28', () => {
  test('is answered as JSON with its own id, and nobody keeps the answer', async () => {
    for (const id of [1, 0, 'a', '']) {
      const answer = await served.ask('tools/call', { name: 'echo', arguments: { text: 'hi' } }, { id })
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json'])
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(answer.headers.get('mcp-session-id')).toBeNull()
      const { id: echoed, result } = await answer.json()
      expect([echoed, result.content[0].text]).toEqual([id, 'hi'])
    }
  })

  test('is told how long to keep what', async () => {
    const kept: Record<string, unknown> = {}
    for (const method of [
      'server/discover',
      'tools/list',
      'prompts/list',
      'resources/list',
      'resources/templates/list',
    ]) {
      const { result } = await (await served.ask(method)).json()
      kept[method] = [result.ttlMs, result.cacheScope]
    }
    expect(kept).toEqual({
      'server/discover': [60_000, 'private'],
      'tools/list': [60_000, 'private'],
      'prompts/list': [60_000, 'private'],
      'resources/list': [0, 'private'],
      'resources/templates/list': [60_000, 'private'],
    })
    const { result } = await (await served.ask('resources/read', { uri: 'fixed://page' })).json()
    expect([result.ttlMs, result.cacheScope]).toEqual([0, 'private'])
  })

  test('streams once it is told how far it is, and ends after its result', async () => {
    const call = { name: 'steps', arguments: { count: 3, size: 1 } }
    const stream = await served.stream('tools/call', call, { id: 'mine', meta: PROGRESS })
    await until('the end', () => stream.ended)
    expect(stream.response.headers.get('cache-control')).toBe('no-store, no-transform')
    expect(stream.messages.slice(0, 3).map(({ params }) => params.progress)).toEqual([1, 2, 3])
    expect(stream.messages.length).toBe(4)
    expect(stream.messages[3]).toMatchObject({ id: 'mine', result: { content: [{ text: 'done' }] } })
  })

  test('is aborted when its connection closes, before and after it streams', async () => {
    const quiet = new AbortController()
    const waiting = served.ask('tools/call', { name: 'wait', arguments: { name: 'quiet' } }, { signal: quiet.signal })
    const gone = waiting.then(
      () => 'answered',
      () => 'aborted',
    )
    const loud = await served.stream(
      'tools/call',
      { name: 'wait', arguments: { name: 'loud', aloud: true } },
      { meta: PROGRESS },
    )
    await until('both to wait', () => served.begun.length === 2 && loud.messages.length === 1)
    expect(served.aborted).toEqual([])
    quiet.abort()
    await until('the quiet one to be aborted', () => served.aborted.includes('quiet'))
    loud.drop()
    await until('the loud one to be aborted', () => served.aborted.includes('loud'))
    expect(await gone).toBe('aborted')
  })

  test('that streams to a reader that has stopped is cut off and aborted', async () => {
    const call = { name: 'steps', arguments: { count: 2000, size: 8192 } }
    const { headers, body } = statelessRequest('tools/call', call, { meta: PROGRESS })
    const stalled = await StallingReader.stalled(served.port, '/mcp', {
      needle: 'progress',
      headers: headerLines(headers),
      body,
    })
    await until('it to be aborted', () => served.aborted.includes('steps'))
    stalled.hangUp()
  })

  test('is answered when the server stops, also one that streams', async () => {
    const quiet = served.ask('tools/call', { name: 'wait', arguments: { name: 'quiet' } }, { id: 'q' })
    const loud = await served.stream(
      'tools/call',
      { name: 'wait', arguments: { name: 'loud', aloud: true } },
      { id: 'l', meta: PROGRESS },
    )
    await until('both to wait', () => served.begun.length === 2 && loud.messages.length === 1)
    await served.mcp.drain()
    await until('the end', () => loud.ended)
    expect(loud.messages.at(-1)).toMatchObject({ id: 'l', error: { code: -32000 } })
    const answer = await quiet
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2'])
    expect(await answer.json()).toMatchObject({ id: 'q', error: { code: -32000 } })
    expect(served.aborted.toSorted()).toEqual(['loud', 'quiet'])
  })

  test('acts by its own credential', async () => {
    const [alice, bob] = [testKey('alice', { subscribe: ['a'] }), testKey('bob', { subscribe: ['b'] })]
    const own = await statelessHub({ access: keySettings([alice, bob]) })
    const call = { name: 'whoami', arguments: {} }
    const asked = [alice, bob, alice, bob].map(async ({ text }) => {
      const { result } = await (await own.ask('tools/call', call, { key: text })).json()
      return result.content[0].text
    })
    expect(await Promise.all(asked)).toEqual(['key:alice', 'key:bob', 'key:alice', 'key:bob'])
    await own.close()
  })

  test('that fails inside says that it failed and not how, and the operator reads how', async () => {
    const answer = await served.ask('tools/call', { name: 'boom', arguments: {} })
    const text = await answer.text()
    expect(text).not.toContain(INNER_WORDS)
    expect(text).not.toContain('.ts')
    expect(JSON.parse(text).result.isError).toBe(true)
    expected = [`Error: ${INNER_WORDS}`]
  })

  test('that is a notification is taken and not answered', async () => {
    const { headers } = statelessRequest('notifications/cancelled')
    const _meta = { 'io.modelcontextprotocol/protocolVersion': VERSION }
    const body = JSON.stringify({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 'x', _meta },
    })
    const answer = await served.fetch('/mcp', { method: 'POST', headers, body })
    expect([answer.status, await answer.text()]).toEqual([202, ''])
  })
})

describe('an answer of 2026-07-28 that takes longer than a second', () => {
  /** That second. */
  const mcpLimits = { jsonWithinMs: 10 }
  beforeEach(() => {
    Object.assign(served.mcpLimits, mcpLimits)
  })

  /** A call that nothing is heard of, made by a client that reads what comes as it comes. */
  async function late(id: string, from = served): Promise<MessageStream> {
    const stream = await from.stream('tools/call', { name: 'wait', arguments: { name: id } }, { id })
    await until('it to wait', () => from.begun.includes(id))
    expect(stream.response.status).toBe(200)
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream')
    expect([stream.messages, stream.ended]).toEqual([[], false])
    return stream
  }

  test('is a stream that is kept alive, and whose last message is the result', async () => {
    const own = await statelessHub({ catalogue: undefined, mcpLimits: { ...mcpLimits, heartbeatMs: 100 } })
    const wait = { name: 'wait_for_event', arguments: { topics: ['late'], timeout_seconds: 30 } }
    const { body: bytes } = await own.ask('tools/call', wait, { id: 'mine' })
    let text = ''
    const read = (async () => {
      for await (const chunk of bytes!.pipeThrough(new TextDecoderStream())) text += chunk
    })()
    await until('two signs of life', () => text.split('\n: \n').length > 2)
    expect(text).not.toContain('data:')
    await own.hub.publish([draftOf('late')])
    await read
    const [, frame, ...more] = text.split('event: message\ndata: ')
    expect(more).toEqual([])
    expect(JSON.parse(frame!)).toMatchObject({ id: 'mine', result: { structuredContent: { timedOut: false } } })
    expect(own.hub.connections).toBe(0)
    await own.close()
  })

  test('is aborted when its client hangs up', async () => {
    const stream = await late('gone')
    expect(served.aborted).toEqual([])
    stream.drop()
    await until('it to be aborted', () => served.aborted.includes('gone'))
  })

  test('is aborted when its credential is revoked, and told so', async () => {
    const [alice, other] = [testKey('alice', { subscribe: ['a'] }), testKey('other', {})]
    const own = await statelessHub({ access: keySettings([alice, other]), mcpLimits })
    const call = { name: 'wait', arguments: { name: 'a' } }
    const stream = await own.stream('tools/call', call, { id: 'mine', key: alice.text })
    await until('it to wait', () => own.begun.length === 1)
    await own.reload(keySettings([other]))
    await until('it to be aborted', () => own.aborted.includes('a'))
    await until('the end', () => stream.ended)
    const message = 'The credential is no longer accepted; go on with another one.'
    expect(stream.messages).toEqual([{ jsonrpc: '2.0', id: 'mine', error: { code: -32000, message } }])
    expect(own.reports).toEqual([])
    await own.close()
  })

  test('is told when its credential ends', async () => {
    const clock = new ManualClock()
    const brief = testKey('brief', { subscribe: ['a'] }, clock.now() + 10_000)
    const own = await statelessHub({
      access: keySettings([brief]),
      clock,
      now: () => clock.now(),
      mcpLimits: { jsonWithinMs: 1000 },
    })
    const call = { name: 'wait', arguments: { name: 'a' } }
    const asked = own.stream('tools/call', call, { key: brief.text })
    await until('it to wait', () => own.begun.length === 1)
    // It streams by then, and its credential has not ended.
    clock.pass(9000)
    const stream = await asked
    expect(stream.ended).toBe(false)
    clock.pass(2000)
    await until('the end', () => stream.ended)
    const message = 'The credential has expired; go on with a new one.'
    expect(stream.messages).toEqual([{ jsonrpc: '2.0', id: 1, error: { code: -32000, message } }])
    expect(own.aborted).toEqual(['a'])
    await own.close()
  })

  test('of a wait says where to go on when the grants of its key change', async () => {
    const before = testKey('alice', { subscribe: ['a'] })
    const after = { ...before, settings: keyNamed('alice', before.text, { subscribe: ['a', 'b'] }) }
    const own = await statelessHub({ catalogue: undefined, access: keySettings([before]), mcpLimits })
    const call = { name: 'wait_for_event', arguments: { topics: ['a'], timeout_seconds: 30 } }
    const stream = await own.stream('tools/call', call, { key: before.text })
    await until('it to wait', () => own.hub.connections === 1)
    await own.reload(keySettings([after]))
    await until('the end', () => stream.ended)
    const [answer, ...more] = stream.messages
    expect(more).toEqual([])
    expect(answer).toMatchObject({ id: 1, result: { isError: true } })
    const place = own.hub.cursor(own.hub.log.head)
    expect(answer!.result.content[0].text).toContain(`changed meanwhile; ask again. Go on with since "${place}"`)
    await own.close()
  })

  test('is told when the server stops', async () => {
    const stream = await late('stopped')
    await served.mcp.drain()
    await until('the end', () => stream.ended)
    expect(stream.messages).toEqual([
      { jsonrpc: '2.0', id: 'stopped', error: { code: -32000, message: expect.stringContaining('stopping') } },
    ])
    expect(served.aborted).toEqual(['stopped'])
  })
})

const echo = { name: 'echo', arguments: { text: 'hi' } }
const WITHOUT = { 'io.modelcontextprotocol/protocolVersion': undefined } as Record<string, unknown>

const DISAGREE = 'Bad Request: the request headers and body disagree: '
const NO_FILTER = "Invalid params: 'notifications' is required and must be a valid SubscriptionFilter"
const call = (params: Record<string, unknown>, more = {}) => statelessRequest('tools/call', params, more)
const listenTo = (notifications: unknown, more = {}) =>
  statelessRequest('subscriptions/listen', { notifications }, more)
const notAsMcp = (place: string, why: string) =>
  `The params of tools/call are not as MCP has them, at "${place}": ${why}.`

type Malformed = [what: string, asked: ReturnType<typeof statelessRequest>, status: number, code: number, says: string]

const malformed: Malformed[] = [
  [
    'no Mcp-Method',
    call(echo, { headers: { 'mcp-method': undefined } }),
    400,
    -32020,
    `${DISAGREE}the body names method tools/call but the required Mcp-Method header is absent`,
  ],
  [
    'another Mcp-Method',
    call(echo, { headers: { 'mcp-method': 'tools/list' } }),
    400,
    -32020,
    `${DISAGREE}the body names method tools/call but the Mcp-Method header names tools/list`,
  ],
  [
    'no Mcp-Name',
    call(echo, { headers: { 'mcp-name': undefined } }),
    400,
    -32020,
    `${DISAGREE}the body carries params.name="echo" but the required Mcp-Name header is absent`,
  ],
  [
    'another Mcp-Name',
    call(echo, { headers: { 'mcp-name': 'boom' } }),
    400,
    -32020,
    `${DISAGREE}the body carries params.name="echo" but the Mcp-Name header names "boom"`,
  ],
  [
    'no version header',
    call(echo, { headers: { 'mcp-protocol-version': undefined } }),
    400,
    -32020,
    `${DISAGREE}the body envelope names protocol version 2026-07-28 but the required MCP-Protocol-Version header is absent`,
  ],
  [
    'a version header that differs from the envelope',
    call(echo, { headers: { 'mcp-protocol-version': '2025-11-25' } }),
    400,
    -32020,
    `${DISAGREE}the body envelope names protocol version 2026-07-28 but the MCP-Protocol-Version header names 2025-11-25`,
  ],
  [
    'no envelope',
    call(echo, { meta: WITHOUT }),
    400,
    -32602,
    'Invalid params: the MCP-Protocol-Version header names protocol revision 2026-07-28, but the request is missing the required per-request envelope key(s): io.modelcontextprotocol/protocolVersion',
  ],
  ['an unknown method', statelessRequest('tools/burn'), 404, -32601, 'Method not found'],
  [
    'an unknown tool',
    call({ name: 'nothing', arguments: {} }),
    200,
    -32602,
    'There is no tool "nothing". Known: echo, whoami, boom, wait, steps.',
  ],
  [
    'a tool whose name is no text',
    call({ name: 7 }),
    200,
    -32602,
    notAsMcp('params.name', 'Invalid input: expected string, received number'),
  ],
  [
    'a call without a name',
    call({}),
    200,
    -32602,
    notAsMcp('params.name', 'Invalid input: expected string, received undefined'),
  ],
  [
    'arguments that are no object',
    call({ name: 'echo', arguments: 'x' }),
    200,
    -32602,
    notAsMcp('params.arguments', 'Invalid input: expected record, received string'),
  ],
  ['a listen without a filter', statelessRequest('subscriptions/listen'), 200, -32602, NO_FILTER],
  ['a listen to what is no list', listenTo({ resourceSubscriptions: 'x' }), 200, -32602, NO_FILTER],
  ['a listen to what is no text', listenTo({ resourceSubscriptions: [7] }), 200, -32602, NO_FILTER],
  [
    'a listen to nothing allowed with a wrong header',
    listenTo({ resourceSubscriptions: ['nonsense'] }, { headers: { 'mcp-method': 'tools/list' } }),
    400,
    -32020,
    `${DISAGREE}the body names method subscriptions/listen but the Mcp-Method header names tools/list`,
  ],
]

describe('a request of 2026-07-28 is refused', () => {
  test.each(malformed)('for %s', async (_, asked, status, code, says) => {
    const answer = await served.fetch('/mcp', asked)
    const text = await answer.text()
    const { error, id } = JSON.parse(text)
    expect([answer.status, error.code, error.message, id]).toEqual([status, code, says, 1])
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(text).not.toMatch(/\.ts|\.mjs|node_modules/)
    expect(served.hub.connections).toBe(0)
  })

  test('for a version from the future, with those that are served', async () => {
    const meta = { 'io.modelcontextprotocol/protocolVersion': '2099-01-01' }
    const asked = statelessRequest('tools/list', {}, { meta, headers: { 'mcp-protocol-version': '2099-01-01' } })
    const answer = await served.fetch('/mcp', asked)
    const { error } = await answer.json()
    expect([answer.status, error.code]).toEqual([400, -32022])
    expect(error.data).toEqual({ supported: [VERSION], requested: '2099-01-01' })
  })

  test('for a body that is too large, too deep or no JSON', async () => {
    const { headers } = statelessRequest('tools/list')
    const post = (body: string) => served.fetch('/mcp', { method: 'POST', headers, body })
    expect((await post(`"${'x'.repeat(2 * 1024 * 1024)}"`)).status).toBe(413)
    const deep = await post('['.repeat(5000) + ']'.repeat(5000))
    expect([deep.status, (await deep.json()).error.code]).toEqual([400, -32700])
    const broken = await post('{"jsonrpc":')
    expect([broken.status, (await broken.json()).error.code]).toEqual([400, -32700])
    const batch = await post(`[${statelessRequest('tools/list').body}]`)
    expect([batch.status, (await batch.json()).error.code]).toEqual([400, -32600])
  })
})

describe('the SDK client', () => {
  test.each([
    ['auto', { mode: 'auto' }],
    ['pinned', { mode: { pin: VERSION } }],
  ] as const)('listens and is told, %s', async (_, versionNegotiation) => {
    const client = new Client({ name: 'mcp-sse-test', version: '1.0.0' }, { versionNegotiation })
    await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', served.url)))
    const told: string[] = []
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => void told.push(params.uri))
    expect(client.getNegotiatedProtocolVersion()).toBe(VERSION)
    const subscription = await client.listen({ resourceSubscriptions: ['events://topics/a'] })
    expect(subscription.honoredFilter).toEqual({ resourceSubscriptions: ['events://topics/a'] })
    await served.hub.publish([draftOf('a')])
    await until('it to be told', () => told.length === 1)
    expect(await settled(client.listen({ resourceSubscriptions: ['nonsense'] }))).toThrow(/not found/i)
    await served.mcp.drain()
    expect(await subscription.closed).toBe('graceful')
    await client.close()
  })
})
