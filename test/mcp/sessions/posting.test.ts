import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { ManualClock } from '../../support/manual-clock.ts'
import { rawRequest } from '../../support/raw-request.ts'
import { until } from '../../support/until.ts'
import { BOTH, initializeMessage, type Message } from './session-client.ts'
import { type SessionHub, sessionHub } from './session-hub.ts'

let served: SessionHub
/** Failures that the test is about. */
let expected: RegExp[]
beforeEach(async () => {
  expected = []
  served = await sessionHub()
})
afterEach(async () => {
  expect(served.reports.map(String)).toEqual(expected.map((each) => expect.stringMatching(each)))
  await served.close()
})

/** What a refusal says, without its words. */
async function refusal(answer: Response) {
  const { error, id }: Message = await answer.json()
  expect(error.message).toEndWith('.')
  return [answer.status, error.code, id]
}

describe('a message of a session', () => {
  test('is answered as JSON when its result comes soon, under its own id', async () => {
    const client = await served.begin()
    for (const id of [7, 0, 'a', '']) {
      const answer = await client.post(client.tool('echo', { text: 'hi' }, { id }))
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json'])
      expect([answer.headers.get('cache-control'), answer.headers.get('mcp-session-id')]).toEqual([
        'no-store',
        client.id,
      ])
      const { id: echoed, result } = (await answer.json()) as Message
      expect([echoed, result.content[0].text]).toEqual([id, 'hi'])
    }
  })

  test('goes by the principal and the version of its session', async () => {
    for (const version of ['2025-03-26', '2025-06-18', '2025-11-25']) {
      const client = await served.begin({ version })
      expect(await client.call('whoami')).toBe(`local ${version}`)
    }
  })

  test('of two with ids that only look the same is answered twice', async () => {
    const client = await served.begin()
    const answers = [client.stream(client.tool('hold', { name: 'n' }, { id: 1 }))]
    answers.push(client.stream(client.tool('hold', { name: 's' }, { id: '1' })))
    await until('both to wait', () => served.held.size === 2)
    served.held.get('s')!.release()
    served.held.get('n')!.release()
    const ids = (await Promise.all(answers)).map(async ({ response }) => response.headers.get('content-type'))
    expect(await Promise.all(ids)).toEqual(['application/json', 'application/json'])
  })

  test('is refused with a sentence when what it takes or names is wrong', async () => {
    const client = await served.begin()
    const ping = client.request('ping')
    const of = async (headers: Record<string, string | undefined>) => refusal(await client.post(ping, headers))
    for (const accept of [
      'application/json',
      'text/event-stream',
      'text/html',
      'application/jsonx, text/event-stream',
    ]) {
      expect(await of({ accept })).toEqual([406, -32000, null])
    }
    for (const accept of ['*/*', BOTH.toUpperCase(), 'text/*;q=0.5, application/*']) {
      expect((await client.post(ping, { accept })).status).toBe(200)
    }
    expect(await of({ 'content-type': 'text/plain' })).toEqual([415, -32000, null])
    expect(await of({ 'mcp-session-id': undefined })).toEqual([400, -32000, null])
    expect(await of({ 'mcp-session-id': 'nobody' })).toEqual([404, -32001, null])
    expect((await client.post(ping, { 'mcp-protocol-version': undefined })).status).toBe(200)
    // Both SDKs take any version of a session.
    expect((await client.post(ping, { 'mcp-protocol-version': '2025-03-26' })).status).toBe(200)
    for (const version of ['1999-01-01', '2026-07-28', 'latest']) {
      expect((await client.post(ping, { 'mcp-protocol-version': version })).status).toBe(400)
    }
  })

  test('of a version that is none is told which there are', async () => {
    const client = await served.begin()
    for (const version of ['1999-01-01', '2099-01-01', 'latest']) {
      for (const method of ['GET', 'POST', 'DELETE']) {
        const body = method === 'POST' ? client.request('ping') : undefined
        const answer = await client.send(method, { 'mcp-protocol-version': version }, body)
        const { error } = (await answer.json()) as Message
        expect([version, method, answer.status, error.code]).toEqual([version, method, 400, -32000])
        expect(error.message).toStartWith(
          'This MCP-Protocol-Version is not one of a session: 2025-11-25, 2025-06-18, 2025-03-26, 2024-11-05',
        )
      }
    }
  })

  test('that is malformed is a 400 and leaves nothing behind', async () => {
    const client = await served.begin({ version: '2025-03-26' })
    const bodies: unknown[] = [
      42,
      'text',
      null,
      {},
      [],
      [42],
      [[]],
      { jsonrpc: '1.0', id: 1, method: 'ping' },
      { jsonrpc: '2.0', id: null, method: 'ping' },
      { jsonrpc: '2.0', id: 1.5, method: 'ping' },
      { jsonrpc: '2.0', id: {}, method: 'ping' },
      { jsonrpc: '2.0', id: 1, method: 7 },
      { jsonrpc: '2.0', id: 1, method: 'ping', params: [1] },
      { jsonrpc: '2.0', id: 1 },
      { jsonrpc: '2.0', id: 1, result: {}, error: { code: 1, message: 'both' } },
      { method: 'ping' },
      [{ jsonrpc: '2.0', id: 1, method: 'ping' }, { jsonrpc: '2.0' }],
      Array.from({ length: 101 }, (_, id) => ({ jsonrpc: '2.0', id, method: 'ping' })),
      Array.from({ length: 65 }, (_, id) => ({ jsonrpc: '2.0', id, method: 'ping' })),
      [client.request('ping', {}, 1), client.request('ping', {}, 1)],
      '{"jsonrpc": "2.0", "id": 1,',
      '['.repeat(1000) + ']'.repeat(1000),
    ]
    for (const body of bodies) {
      const answer = await client.post(body)
      const { error } = (await answer.json()) as Message
      expect([body, answer.status, [-32600, -32700].includes(error.code)]).toEqual([body, 400, true])
    }
    expect(await client.call('echo', { text: 'still there' })).toBe('still there')
    expect(served.sessions.size).toBe(1)
  })

  test('of an unknown method, tool or bad parameters is an error of the protocol', async () => {
    const client = await served.begin()
    const bad = (params: Record<string, unknown>) => client.request('tools/call', params)
    const errors = await Promise.all(
      [
        client.request('no/such'),
        client.tool('no such'),
        bad({ name: 7 }),
        bad({}),
        bad({ name: 'echo', arguments: 'x' }),
      ].map(async (body) => {
        const { error }: Message = await (await client.post(body)).json()
        return [error.code, error.message]
      }),
    )
    const notAsMcp = (place: string, why: string) =>
      `The params of tools/call are not as MCP has them, at "${place}": ${why}.`
    expect(errors).toEqual([
      [-32601, 'Method not found'],
      [-32602, expect.stringMatching(/^There is no tool "no such"\. Known: echo, /)],
      [-32602, notAsMcp('params.name', 'Invalid input: expected string, received number')],
      [-32602, notAsMcp('params.name', 'Invalid input: expected string, received undefined')],
      [-32602, notAsMcp('params.arguments', 'Invalid input: expected record, received string')],
    ])
  })

  test('that wants no answer is accepted, whatever it says', async () => {
    const client = await served.begin()
    const bodies = [
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', method: 'notifications/no-such' },
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'nobody' } },
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: {} },
      { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 'nobody', progress: 1 } },
      { jsonrpc: '2.0', id: 12345, result: {} },
      { jsonrpc: '2.0', id: 12345, error: { code: 1, message: 'no' } },
    ]
    for (const body of bodies) {
      const answer = await client.post(body)
      expect([body, answer.status, await answer.text()]).toEqual([body, 202, ''])
    }
  })

  test('whose result cannot be written is told that the server failed', async () => {
    expected = [/BigInt/]
    const client = await served.begin()
    const { error } = (await (await client.post(client.tool('unwritable'))).json()) as Message
    expect([error.code, error.message]).toEqual([-32603, 'The server failed; its log says why.'])
    expect(await client.call('echo', { text: 'next' })).toBe('next')
  })
})

describe('an answer', () => {
  test('streams once something else is sent, with a first event to come back by', async () => {
    const client = await served.begin()
    const stream = await client.stream(client.tool('steps', { count: 2 }, { id: 'mine', progress: true }))
    await stream.end()
    const { headers } = stream.response
    expect(headers.get('content-type')).toBe('text/event-stream')
    expect(headers.get('cache-control')).toBe('no-store, no-transform')
    expect(headers.get('x-accel-buffering')).toBe('no')
    expect(stream.blocks.map(({ id }) => id)).toEqual(['1.0', '1.1', '1.2', '1.3'])
    const [first] = stream.blocks
    expect(first).toMatchObject({ id: '1.0', data: '' })
    expect(first!.retry).toBeWithin(1000, 3001)
    expect(stream.messages.map(({ params, id }) => params?.progress ?? id)).toEqual([1, 2, 'mine'])
  })

  test('has no event without data before 2025-11-25, whose clients would fail on it', async () => {
    for (const version of ['2025-03-26', '2025-06-18']) {
      const client = await served.begin({ version })
      const stream = await client.stream(client.tool('steps', { count: 1 }, { progress: true }))
      await stream.end()
      expect(stream.blocks.map(({ data }) => data === '')).toEqual([false, false, false])
      expect(stream.blocks[0]!.data).toBeUndefined()
    }
  })

  test('streams when its result takes longer than a second', async () => {
    const client = await served.begin()
    served.mcpLimits.jsonWithinMs = 10
    const asked = client.stream(client.tool('hold', { name: 'late' }))
    const stream = await asked
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream')
    await until('it to wait', () => served.held.has('late'))
    served.held.get('late')!.release('late it is')
    await stream.end()
    expect(stream.messages.map(({ result }) => result.content[0].text)).toEqual(['late it is'])
  })

  test('brings a question to the client, and takes its answer by another POST', async () => {
    const client = await served.begin()
    const stream = await client.stream(client.tool('ask', {}, { id: 'asking' }))
    const question = await stream.message('the question', ({ method }) => method === 'elicitation/create')
    const answered = await client.post({
      jsonrpc: '2.0',
      id: question.id,
      result: { action: 'accept', content: { which: 'this one' } },
    })
    expect(answered.status).toBe(202)
    await stream.end()
    expect(stream.messages.at(-1)).toMatchObject({
      id: 'asking',
      result: { content: [{ text: '{"which":"this one"}' }] },
    })
  })

  test('to an array is an array in 2025-03-26, and refused in later versions', async () => {
    const batch = (client: { request: (method: string, params: object, id: number) => unknown }) => [
      client.request('ping', {}, 1),
      { jsonrpc: '2.0', method: 'notifications/no-such' },
      client.request('tools/list', {}, 2),
    ]
    const old = await served.begin({ version: '2025-03-26' })
    const answers = (await (await old.post(batch(old as never))).json()) as Message[]
    expect(answers.map(({ id }) => id)).toEqual([1, 2])
    const one = (await (await old.post([old.request('ping', {}, 9)])).json()) as Message[]
    expect(one.map(({ id }) => id)).toEqual([9])
    expect((await old.post([{ jsonrpc: '2.0', method: 'notifications/no-such' }])).status).toBe(202)
    const young = await served.begin({ version: '2025-06-18' })
    expect(await refusal(await young.post(batch(young as never)))).toEqual([400, -32600, null])
  })

  test('to an array that streams ends after the last of its results', async () => {
    const client = await served.begin({ version: '2025-03-26' })
    const stream = await client.stream([
      client.tool('hold', { name: 'slow' }, { id: 1 }),
      client.tool('steps', { count: 1 }, { id: 2, progress: true }),
      client.request('ping', {}, 3),
    ])
    await stream.message('the ping', ({ id }) => id === 3)
    await stream.message('the steps', ({ id }) => id === 2)
    expect(stream.ended).toBe(false)
    served.held.get('slow')!.release()
    await stream.end()
    expect(stream.messages.at(-1).id).toBe(1)
  })

  test('is as long as its one length says or comes in chunks, and never both', async () => {
    const client = await served.begin()
    for (const [bytes, chunked] of [
      [100, false],
      [60_000, false],
      [70_000, true],
    ] as const) {
      const body = JSON.stringify(client.tool('big', { bytes }))
      const answer = await rawRequest(
        served.port,
        [
          'POST /mcp HTTP/1.1',
          'host: 127.0.0.1',
          `accept: ${BOTH}`,
          'content-type: application/json',
          `content-length: ${body.length}`,
          `mcp-session-id: ${client.id}`,
        ],
        body,
      )
      const [head, rest] = [answer.slice(0, answer.indexOf('\r\n\r\n')), answer.slice(answer.indexOf('\r\n\r\n') + 4)]
      expect(head).toStartWith('HTTP/1.1 200')
      expect(head.match(/^transfer-encoding: chunked$/gim)?.length).toBe(chunked ? 1 : undefined)
      const lengths = [...head.matchAll(/^content-length: (\d+)$/gim)].map(([, length]) => Number(length))
      expect(lengths).toEqual(chunked ? [] : [rest.length])
    }
  })

  test('to an array has at most 1 MiB of results, and says of the others why they are missing', async () => {
    const client = await served.begin({ version: '2025-03-26' })
    const large = Array.from({ length: 62 }, (_, id) => client.tool('big', { bytes: 500_000 }, { id }))
    const answer = await client.post([...large, client.tool('echo', { text: 'short' }, { id: 'short' })])
    const text = await answer.text()
    const answers: Message[] = JSON.parse(text)
    expect(answers.map(({ id }) => id).toSorted()).toEqual([...large.map(({ id }) => id), 'short'].toSorted())
    expect(answers.filter(({ result }) => result).length).toBe(3)
    expect(answers.find(({ id }) => id === 'short').result.content[0].text).toBe('short')
    for (const { error } of answers.filter(({ result }) => !result)) {
      expect([error.code, error.message]).toEqual([-32000, expect.stringContaining('more than 1 MiB')])
    }
    expect(text.length).toBeLessThan(1.1 * 1024 * 1024)
    expect((await client.call('big', { bytes: 1_500_000 })).length).toBe(1_500_000)
  })

  test('to an array that begins to stream has all that was ready, however much may wait for a reader', async () => {
    const clock = new ManualClock()
    await served.close()
    served = await sessionHub({ clock, mcpLimits: { jsonWithinMs: 1000 } })
    const client = await served.begin({ version: '2025-03-26' })
    const large = Array.from({ length: 9 }, (_, id) => client.tool('big', { bytes: 100_000 }, { id }))
    const asked = client.stream([...large, client.tool('hold', { name: 'late' }, { id: 'late' })])
    await until('all but one to be ready', () => served.held.has('late') && served.sessions.calls === 1)
    clock.pass(1000)
    const stream = await asked
    await stream.message('the last that was ready', ({ id }) => id === 8)
    served.held.get('late')!.release()
    await stream.end()
    expect(stream.messages.map(({ id }) => id)).toEqual([...large.map(({ id }) => id), 'late'])
  })

  test('is refused to an id that is in flight, which is answered as if nothing had been', async () => {
    const client = await served.begin()
    const first = client.stream(client.tool('step then hold', { name: 'first' }, { id: 'same', progress: true }))
    await until('the first', () => served.held.has('first'))
    expect(await refusal(await client.post(client.tool('echo', {}, { id: 'same' })))).toEqual([400, -32600, null])
    served.held.get('first')!.release()
    const stream = await first
    await stream.end()
    expect(stream.messages.at(-1)).toMatchObject({ id: 'same', result: { content: [{ text: 'released first' }] } })
    expect((await client.post(client.tool('echo', {}, { id: 'same' }))).status).toBe(200)
  })

  test('is refused for now to more than 64 requests at a time', async () => {
    const client = await served.begin()
    const waiting = Array.from({ length: 64 }, (_, n) => client.post(client.tool('hold', { name: `${n}` })))
    await until('64 calls', () => served.held.size === 64)
    const answer = await client.post(client.request('ping'))
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    expect(((await answer.json()) as Message).error.code).toBe(-32000)
    expect((await client.post({ jsonrpc: '2.0', method: 'notifications/no-such' })).status).toBe(202)
    for (const { release } of served.held.values()) release()
    await Promise.all(waiting)
    expect((await client.post(client.request('ping'))).status).toBe(200)
  })
})

describe('a request that is cancelled', () => {
  const cancel = (requestId: string) => ({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } })

  test('is aborted, and its stream ends without a result', async () => {
    const client = await served.begin()
    const stream = await client.stream(client.tool('step then hold', { name: 'one' }, { id: 'c', progress: true }))
    await until('it to wait', () => served.held.has('one'))
    expect((await client.post(cancel('c'))).status).toBe(202)
    await stream.end()
    await until('it to be aborted', () => served.aborted.includes('one'))
    expect(stream.messages.map(({ method }) => method)).toEqual(['notifications/progress'])
    // Who comes back for it is told that nothing more comes.
    expect((await client.send('GET', { 'last-event-id': stream.lastId })).status).toBe(204)
  })

  test('before it streamed is answered with a stream that has nothing', async () => {
    const client = await served.begin()
    const asked = client.stream(client.tool('hold', { name: 'one' }, { id: 'c' }))
    await until('it to wait', () => served.held.has('one'))
    await client.post(cancel('c'))
    const stream = await asked
    await stream.end()
    expect([stream.response.status, stream.response.headers.get('content-type'), stream.messages]).toEqual([
      200,
      'text/event-stream',
      [],
    ])
    expect((await client.post(client.request('ping', {}, 'c'))).status).toBe(200)
  })

  test('of an array leaves the others', async () => {
    const client = await served.begin({ version: '2025-03-26' })
    const asked = client.post([
      client.tool('hold', { name: 'one' }, { id: 'c' }),
      client.tool('hold', { name: 'two' }, { id: 'd' }),
    ])
    await until('both to wait', () => served.held.size === 2)
    await client.post(cancel('c'))
    served.held.get('two')!.release()
    const answers = (await (await asked).json()) as Message[]
    expect(answers.map(({ id }) => id)).toEqual(['d'])
  })
})

describe('initialize', () => {
  test('is answered with the version asked for, or the newest', async () => {
    for (const [asked, given] of [
      ['2024-11-05', '2024-11-05'],
      ['2025-03-26', '2025-03-26'],
      ['2025-06-18', '2025-06-18'],
      ['2025-11-25', '2025-11-25'],
      ['2099-01-01', '2025-11-25'],
    ] as const) {
      const answer = await served.client({ version: asked }).initialize()
      expect(((await answer.json()) as Message).result.protocolVersion).toBe(given)
      expect(answer.headers.get('mcp-session-id')).toMatch(/^[\w-]{22}$/)
    }
  })

  test('that is not valid makes no session', async () => {
    const client = served.client()
    const { params } = initializeMessage('2025-11-25')
    const wrong = [{}, { ...params, protocolVersion: 7 }, { ...params, clientInfo: {} }, { ...params, capabilities: 1 }]
    for (const each of wrong) {
      expect(await refusal(await client.post(client.request('initialize', each, 5)))).toEqual([400, -32602, 5])
    }
    expect(await refusal(await client.post([initializeMessage('2025-03-26')]))).toEqual([400, -32600, null])
    const two = [initializeMessage('2025-03-26', 1), initializeMessage('2025-03-26', 2)]
    expect(await refusal(await client.post(two))).toEqual([400, -32600, null])
    expect(served.sessions.size).toBe(0)
  })

  test('with the id of a session that is stale or in use makes another', async () => {
    const client = await served.begin()
    for (const id of ['stale', client.id]) {
      const answer = await served.client().initialize({ 'mcp-session-id': id })
      expect(answer.status).toBe(200)
      expect(answer.headers.get('mcp-session-id')).not.toBe(id)
    }
    expect(served.sessions.size).toBe(3)
  })
})
