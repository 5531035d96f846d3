import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createParser } from 'eventsource-parser'
import { expectProblem } from '../support/problem.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'
import { until } from '../support/until.ts'

let served: ServedHub
beforeAll(async () => {
  served = await servedHub({ limits: { heartbeatMs: 1_000, connections: 20 } })
})
afterAll(() => served.close())

interface Message {
  id?: string | undefined
  event?: string | undefined
  data: string
}

/** Reads a stream until `count` messages, without client cleverness; `text` is every byte that came. */
async function read(path: string, count: number, init: RequestInit = {}) {
  const controller = new AbortController()
  const response = await served.fetch(path, { ...init, signal: controller.signal })
  const messages: Message[] = []
  const retries: number[] = []
  const parser = createParser({ onEvent: (message) => messages.push(message), onRetry: (ms) => retries.push(ms) })
  let text = ''
  const decoder = new TextDecoder()
  const reader = response.body!.getReader()
  const more = async (wanted: number): Promise<void> => {
    while (messages.length < wanted) {
      const { done, value } = await reader.read()
      if (done) return
      const chunk = decoder.decode(value, { stream: true })
      text += chunk
      parser.feed(chunk)
    }
  }
  await more(count)
  return { response, messages, retries, more, text: () => text, stop: () => controller.abort() }
}

const publish = (path: string, body: string, headers: Record<string, string> = {}) =>
  served.fetch(path, { method: 'POST', body, headers })

const named = (messages: readonly Message[], name: string) => messages.find((message) => message.event === name)

describe('an SSE stream', () => {
  test('begins at once with a comment, a retry and $open, and its headers keep proxies from holding it', async () => {
    const stream = await read('/events/quiet?type=a.b&type=c.*', 1)
    expect(stream.response.status).toBe(200)
    expect(Object.fromEntries(stream.response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    })
    expect(stream.text()).toMatch(/^:[^\n]*\nretry: \d+\n\nid: [a-z0-9]+\.\d+\nevent: \$open\ndata: /)
    expect(JSON.parse(stream.messages[0]!.data)).toEqual({
      connection: expect.stringMatching(/^con_/),
      cursor: stream.messages[0]!.id,
      topics: ['quiet'],
      types: ['a.b', 'c.*'],
      principal: 'local',
      heartbeatMs: 1_000,
    })
    stream.stop()
  })

  test('gives clients different retry times, so that they do not come back in step', async () => {
    const times = new Set<number>()
    for (let index = 0; index < 6; index++) {
      const stream = await read('/events/quiet', 1)
      for (const ms of stream.retries) times.add(ms)
      stream.stop()
    }
    expect(times.size).toBeGreaterThan(2)
    for (const ms of times) expect(ms).toBeWithin(1_000, 3_001)
  })

  test('has the same CORS headers as its preflight allows', async () => {
    const origin = 'http://localhost:5173'
    const stream = await read('/events/quiet', 1, { headers: { origin } })
    expect(stream.response.headers.get('access-control-allow-origin')).toBe(origin)
    expect(stream.response.headers.get('vary')).toContain('Origin')
    expect(stream.response.headers.has('access-control-allow-credentials')).toBe(false)
    stream.stop()
  })

  test('sends heartbeats with its position as comments, or as events when asked', async () => {
    const comments = await read('/events/never', 1)
    await publish('/events/elsewhere', 'x')
    const events = await read('/events/never?heartbeat=event', 2)
    expect(named(events.messages, '$heartbeat')).toMatchObject({ data: '{}', id: expect.stringMatching(/\.\d+$/) })
    events.stop()
    void comments.more(2).catch(() => {})
    await until('a heartbeat comment', () => /\n:\nid: [a-z0-9]+\.\d+\n\n/.test(comments.text()))
    expect(comments.messages).toHaveLength(1)
    comments.stop()
  })

  test('without control events still carries a position to resume from', async () => {
    const stream = await read('/events/a?control=0&since=zzz.1', 0)
    void stream.more(1).catch(() => {})
    await until('the position', () => /^:[^\n]*\nretry: \d+\n\n:\nid: [a-z0-9]+\.\d+\n\n/.test(stream.text()))
    await publish('/events/a', 'after')
    await until('the event', () => stream.messages.length > 0)
    expect(stream.messages.map(({ event, data }) => [event, data])).toEqual([[undefined, 'after']])
    stream.stop()
  })

  test('takes the header first, then each spelling of the parameter', async () => {
    await publish('/events/spelling', 'one')
    const { cursor } = (await (await publish('/events/spelling', 'two')).json()) as { cursor: string }
    await publish('/events/spelling', 'three')
    for (const [path, headers] of [
      ['?since=earliest', { 'last-event-id': cursor }],
      [`?last_event_id=${cursor}`, {}],
      [`?lastEventId=${cursor}&since=earliest`, {}],
      [`?lastEventID=${cursor}&last=3`, {}],
    ] as const) {
      const stream = await read(`/events/spelling${path}`, 2, { headers })
      expect(stream.messages[1]!.data).toBe('three')
      stream.stop()
    }
  })

  test('says $gap for a foreign cursor, and only the gap has an id', async () => {
    const stream = await read('/events/a', 2, { headers: { 'last-event-id': 'zzzzzzzz.7' } })
    const [open, gap] = stream.messages
    expect(open).toMatchObject({ event: '$open', id: undefined })
    expect(JSON.parse(gap!.data)).toEqual({ requested: 'zzzzzzzz.7', resumedFrom: gap!.id, reason: 'unknown' })
    stream.stop()
  })
})

describe('an NDJSON stream', () => {
  test.each(['?format=ndjson', ''])('%p: has an event object a line and control lines of a $ type', async (query) => {
    const headers = { accept: query ? '*/*' : 'application/x-ndjson' }
    const stream = await read(`/events/lines${query}`, 0, { headers })
    void stream.more(Number.POSITIVE_INFINITY).catch(() => {})
    expect(stream.response.headers.get('content-type')).toBe('application/x-ndjson')
    await until('$open', () => stream.text().includes('$open'))
    await publish('/events/lines?type=t', '{\n "big": 12345678901234567890\n}')
    await until('the event', () => stream.text().includes('big'))
    const lines = stream
      .text()
      .split('\n')
      .filter((line) => line !== '')
    expect(JSON.parse(lines[0]!)).toMatchObject({
      type: '$open',
      cursor: expect.any(String),
      data: { topics: ['lines'] },
    })
    expect(lines[1]).toContain('"topic":"lines","type":"t"')
    expect(lines[1]).toContain('12345678901234567890')
    stream.stop()
  })
})

test('two spellings of where topics come from are refused, and so is every value no parameter takes', async () => {
  for (const [path, code] of [
    ['/events/a?topic=b', 'invalid-query'],
    ['/events?topci=b', 'invalid-query'],
    ['/events?topic=a*', 'invalid-pattern'],
    ['/events/a/**/b', 'invalid-pattern'],
    ['/events?type=$open', 'invalid-type'],
    ['/events?since=yesterday', 'invalid-query'],
    ['/events?last=0', 'invalid-query'],
    ['/events?format=xml', 'invalid-query'],
    ['/events?envelope=yes', 'invalid-query'],
    ['/events?heartbeat=never', 'invalid-query'],
    ['/events?limit=10', 'invalid-query'],
    ['/events?since=2026-02-31T12:00:00Z', 'invalid-query'],
    [`/events?${Array.from({ length: 65 }, (_, index) => `topic=${index}`).join('&')}`, 'invalid-query'],
    ['/events/%ff', 'invalid-pattern'],
  ] as const) {
    const response = await served.fetch(path)
    expect([path, response.status, ((await response.json()) as { code: string }).code]).toEqual([path, 400, code])
  }
  await expectProblem(await served.fetch('/events?control=maybe'), 400, 'invalid-query', '/control')
})

test('over the connection cap a stream is told to come back inside a 200, and its place is free when another goes', async () => {
  await until('earlier streams to be gone', () => served.hub.connections === 0)
  const open = await Promise.all(Array.from({ length: 20 }, () => read('/events/cap', 1)))
  const refused = await read('/events/cap', 1)
  expect(refused.response.status).toBe(200)
  expect(refused.messages.map(({ event, id, data }) => ({ event, id, ...JSON.parse(data) }))).toEqual([
    { event: '$closing', id: undefined, reason: 'too-many-connections', reconnect: true, retryMs: expect.any(Number) },
  ])
  expect(refused.retries.at(-1)).toBe(JSON.parse(refused.messages[0]!.data).retryMs)
  open[0]!.stop()
  await until('a place', () => served.hub.connections < 20)
  const taken = await read('/events/cap', 1)
  expect(taken.messages[0]!.event).toBe('$open')
  for (const stream of [...open, taken]) stream.stop()
  await until('all to be gone', () => served.hub.connections === 0)
})

test('a client that goes before its stream has begun leaves no subscription', async () => {
  for (let round = 0; round < 50; round++) {
    const socket = await Bun.connect({ hostname: '127.0.0.1', port: served.port, socket: { data() {} } })
    socket.write('GET /events/a HTTP/1.1\r\nHost: localhost\r\n\r\n')
    socket.terminate()
  }
  await until('all to be gone', () => served.hub.connections === 0)
})

test('when the hub drains every stream is told the reason and ends', async () => {
  const own = await servedHub()
  const response = await own.fetch('/events')
  const body = response.text()
  await until('it to be open', () => own.hub.connections === 1)
  await own.hub.drain()
  expect(await body).toMatch(
    /retry: \d+\n\nevent: \$closing\ndata: {"reason":"shutdown","reconnect":true,"retryMs":\d+}\n\n$/,
  )
  const late = await own.fetch('/events')
  expect([late.status, await late.text()]).toEqual([200, expect.stringContaining('"reason":"draining"')])
  await expectProblem(await own.fetch('/events/a', { method: 'POST', body: 'x' }), 503, 'draining')
  expect((await own.fetch('/readyz')).status).toBe(503)
  await own.close()
})
