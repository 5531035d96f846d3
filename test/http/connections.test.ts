import { afterAll, beforeAll, expect, spyOn, test } from 'bun:test'
import type { ClosedStream } from '../../src/core/closed-stream.ts'
import type { ConnectionSummary } from '../../src/core/connection-summary.ts'
import { parseFilter } from '../../src/core/filter.ts'
import { SessionClient } from '../mcp/sessions/session-client.ts'
import { bearer, keySettings, testKey } from '../support/access.ts'
import { byLocal } from '../support/by-local.ts'
import { draftOf } from '../support/draft.ts'
import { memoryHub } from '../support/hub.ts'
import { expectProblem } from '../support/problem.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'
import { until } from '../support/until.ts'

interface Connections {
  connections: ConnectionSummary[]
  next?: string
}

const admin = testKey('boss', { admin: true })
const reader = testKey('reader', { subscribe: ['orders/**'] })
let served: ServedHub
const told: ClosedStream[] = []
beforeAll(async () => {
  served = await servedHub({ access: keySettings([admin, reader]), closed: (stream) => told.push(stream) })
})
afterAll(() => served.close())

async function list(query = ''): Promise<Connections> {
  const response = await served.fetch(`/connections${query}`, { headers: bearer(admin.text) })
  expect(response.status).toBe(200)
  return (await response.json()) as Connections
}

/** Of the tests before: who hangs up is gone when the server has seen it. */
const nobodyLeft = () => until('nobody to be there', async () => (await list()).connections.length === 0)

async function stream(query: string) {
  const abort = new AbortController()
  const response = await served.fetch(`/events${query}`, { headers: bearer(reader.text), signal: abort.signal })
  const lines: string[] = []
  const ended = (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of response.body!) lines.push(decoder.decode(chunk))
  })().catch(() => {})
  await until('it is open', () => lines.join('').includes('$open'))
  return { abort, ended, text: () => lines.join('') }
}

test('who reads what, by which way, how far behind', async () => {
  const open = await stream('?topic=orders/*&topic=**&type=order.*')
  await served.hub.publish([draftOf('orders/1', '1', { type: 'order.paid' }), draftOf('elsewhere', '2')])
  await until('it has the event', () => open.text().includes('order.paid'))
  const { connections } = await list()
  expect(connections).toHaveLength(1)
  expect(connections[0]).toMatchObject({
    kind: 'sse',
    principal: 'key:reader',
    topics: ['orders/**'],
    types: ['order.*'],
    state: 'live',
    queuedBytes: 0,
  })
  expect(open.text()).toContain(connections[0]!.id)
  expect(Math.abs(Date.parse(connections[0]!.since) - Date.now())).toBeLessThan(60_000)
  expect(connections[0]!.behind).toBeLessThanOrEqual(1)
  open.abort.abort()
  await nobodyLeft()
})

test('one that is ended is told why, at once, and no other is', async () => {
  await nobodyLeft()
  const [first, second] = [await stream('?topic=orders/1'), await stream('?topic=orders/2')]
  const victim = (await list()).connections.find(({ topics }) => topics[0] === 'orders/1')!
  const path = `/connections/${victim.id}`
  expect((await served.fetch(path, { method: 'DELETE', headers: bearer(admin.text) })).status).toBe(204)
  await first.ended
  expect(first.text()).toContain('event: $error')
  expect(first.text()).toContain('"reason":"cut-off"')
  expect((await list()).connections.map(({ topics }) => topics)).toEqual([['orders/2']])
  await expectProblem(await served.fetch(path, { method: 'DELETE', headers: bearer(admin.text) }), 404, 'not-found')
  second.abort.abort()
  await second.ended
})

test('one that is ended keeps its EventSource away for minutes, which knows nothing but retry', async () => {
  await nobodyLeft()
  const open = await stream('?topic=orders/1')
  const [listed] = (await list()).connections
  await served.fetch(`/connections/${listed!.id}`, { method: 'DELETE', headers: bearer(admin.text) })
  await open.ended
  const [, retry, reconnect, retryMs] =
    /retry: (\d+)\n\nevent: \$closing\ndata: {"reason":"cut-off","reconnect":(\w+),"retryMs":(\d+)}\n\n$/.exec(
      open.text(),
    )!
  expect([reconnect, retryMs]).toEqual(['false', retry])
  expect(Number(retry)).toBeGreaterThanOrEqual(300_000)
})

test.each([
  [
    'GET /mcp',
    async (signal: AbortSignal) =>
      (await SessionClient.begun(served.fetch, { key: reader.text })).send('GET', {}, undefined, signal),
  ],
  [
    'GET /sse',
    (signal: AbortSignal) =>
      served.fetch('/sse', { headers: { ...bearer(reader.text), accept: 'text/event-stream' }, signal }),
  ],
])(
  'a stream of messages (%s) is listed as what it is, can be ended, and is counted and told of then',
  async (_, open) => {
    await nobodyLeft()
    const abort = new AbortController()
    const closed = () => closedBy('cut-off')
    const before = closed()
    const response = await open(abort.signal)
    const { connections } = await list()
    const [listed] = connections
    expect(connections).toEqual([
      {
        id: expect.stringMatching(/^con_\w+$/),
        kind: 'mcp',
        principal: 'key:reader',
        address: null,
        topics: [],
        types: [],
        state: 'messages',
        since: expect.any(String),
        cursor: null,
        behind: null,
        queuedBytes: expect.any(Number),
      },
    ])
    expect(served.hub.gauges().connections.mcp).toBe(1)
    const ended = await served.fetch(`/connections/${listed!.id}`, { method: 'DELETE', headers: bearer(admin.text) })
    expect(ended.status).toBe(204)
    await response.text()
    expect((await list()).connections).toEqual([])
    expect(closed()).toBe(before + 1)
    expect(told.filter(({ id }) => id === listed!.id)).toMatchObject([
      { kind: 'mcp', reason: 'cut-off', principal: 'key:reader' },
    ])
  },
)

function closedBy(reason: string): number {
  return [...served.hub.metrics.closed].find(({ labels }) => labels[0] === reason)!.count
}

test('the client’s address is there where limits count it', async () => {
  await nobodyLeft()
  const from = { ...bearer(reader.text), 'x-forwarded-for': '203.0.113.9' }
  const abort = new AbortController()
  const response = await served.fetch('/events', { headers: from, signal: abort.signal })
  const own = await stream('')
  expect((await list()).connections.map(({ address }) => address)).toEqual(['203.0.113.9', null])
  for (const each of [abort, own.abort]) each.abort()
  await response.text().catch(() => {})
})

test('of ten thousand only a page is looked at, oldest first, streams of messages among them', async () => {
  const { hub, log, close } = await memoryHub({ connections: 20_000 })
  const every = { ...byLocal, filter: parseFilter([], []), start: undefined }
  for (let count = 0; count < 10_000; count++) {
    if (count % 1000 === 500) hub.occupy(byLocal, { queuedBytes: count, end: () => {} })
    else hub.subscribe(every)
  }
  const formatted = spyOn(log.generations, 'cursor')
  const states: string[] = []
  let after = ''
  for (let page = 0; page < 21; page++) {
    const listed = hub.summaries({ after, most: 500 })
    expect(listed.length).toBe(page < 20 ? 500 : 0)
    expect(formatted.mock.calls.length).toBeLessThanOrEqual(500)
    formatted.mockClear()
    for (const { id, state } of listed) {
      expect(id > after).toBe(true)
      after = id
      states.push(state)
    }
  }
  const messages = states.flatMap((state, index) => (state === 'messages' ? [index] : []))
  expect(messages).toEqual(Array.from({ length: 10 }, (_, index) => index * 1000 + 500))
  formatted.mockRestore()
  await close()
})

test('come a page at a time', async () => {
  await nobodyLeft()
  const open = await Promise.all(Array.from({ length: 5 }, (_, index) => stream(`?topic=orders/${index}`)))
  const seen: string[] = []
  let query = '?limit=2'
  for (;;) {
    const { connections, next } = await list(query)
    seen.push(...connections.map(({ id }) => id))
    if (next === undefined) break
    query = `?limit=2&page=${next}`
  }
  expect(seen).toEqual([...new Set(seen)].sort())
  expect(seen).toHaveLength(5)
  for (const { abort } of open) abort.abort()
})

test('what the hub follows for itself is not listed and cannot be ended', async () => {
  await nobodyLeft()
  const follower = served.hub.follow({ filter: parseFilter([], []), start: undefined })
  expect((await list()).connections).toEqual([])
  const path = `/connections/${follower.id}`
  await expectProblem(await served.fetch(path, { method: 'DELETE', headers: bearer(admin.text) }), 404, 'not-found')
  expect(follower.closeReason).toBeUndefined()
  follower.close('client-gone')
})
