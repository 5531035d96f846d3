import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { ConnectionSummary } from '../../src/core/connection-summary.ts'
import { parseFilter } from '../../src/core/filter.ts'
import { bearer, keySettings, testKey } from '../support/access.ts'
import { draftOf } from '../support/draft.ts'
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
beforeAll(async () => {
  served = await servedHub({ access: keySettings([admin, reader]) })
})
afterAll(() => served.close())

async function list(query = ''): Promise<Connections> {
  const response = await served.fetch(`/connections${query}`, { headers: bearer(admin.text) })
  expect(response.status).toBe(200)
  return (await response.json()) as Connections
}

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
  expect(Math.abs(Date.parse(connections[0]!.since) - Date.now())).toBeLessThan(10_000)
  expect(connections[0]!.behind).toBeLessThanOrEqual(1)
  open.abort.abort()
  await until('it is gone', async () => (await list()).connections.length === 0)
})

test('one that is ended is told why, at once, and no other is', async () => {
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

test('come a page at a time', async () => {
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
  await until('nobody is there', async () => (await list()).connections.length === 0)
  const follower = served.hub.follow({ filter: parseFilter([], []), start: undefined })
  expect((await list()).connections).toEqual([])
  const path = `/connections/${follower.id}`
  await expectProblem(await served.fetch(path, { method: 'DELETE', headers: bearer(admin.text) }), 404, 'not-found')
  expect(follower.closeReason).toBeUndefined()
  follower.close('client-gone')
})
