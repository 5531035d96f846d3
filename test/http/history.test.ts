import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { ErrorCode } from '../../src/core/errors.ts'
import type { EventDocument } from '../../src/core/event.ts'
import { expectProblem } from '../support/problem.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'

interface History {
  events: EventDocument[]
  cursor: string
  hasMore: boolean
  truncated: boolean
}

let served: ServedHub
beforeAll(async () => {
  served = await servedHub()
  const lines = Array.from({ length: 150 }, (_, index) =>
    JSON.stringify({ topic: `t/${index % 2}`, type: index % 3 ? 'odd.one' : 'even', data: index }),
  )
  const headers = { 'content-type': 'application/x-ndjson' }
  const response = await served.fetch('/events', { method: 'POST', body: lines.join('\n'), headers })
  expect(response.status).toBe(201)
})
afterAll(() => served.close())

async function history(query: string, path = '/events', headers: Record<string, string> = {}): Promise<History> {
  const response = await served.fetch(`${path}?${query}`, { headers })
  expect({ status: response.status, type: response.headers.get('content-type') }).toEqual({
    status: 200,
    type: 'application/json',
  })
  return (await response.json()) as History
}

const dataOf = (page: History): unknown[] => page.events.map((event) => event.data)
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index)

test('is the newest 100 without a start, oldest first', async () => {
  const page = await history('format=json')
  expect(dataOf(page)).toEqual(range(50, 150))
  expect(page).toMatchObject({ cursor: page.events.at(-1)!.cursor, hasMore: false, truncated: false })
})

test('has whole events', async () => {
  const [event] = (await history('format=json&last=1')).events
  expect(event).toEqual({
    id: expect.stringMatching(/^evt_[a-z0-9]+_150$/),
    cursor: expect.stringMatching(/^[a-z0-9]+\.150$/),
    topic: 't/1',
    type: 'odd.one',
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    data: 149,
  })
})

test('is read to its end by going on from each cursor', async () => {
  const seen: unknown[] = []
  let page = await history('format=json&since=earliest&limit=40')
  seen.push(...dataOf(page))
  while (page.hasMore) {
    page = await history(`format=json&limit=40&since=${page.cursor}`)
    seen.push(...dataOf(page))
  }
  expect(seen).toEqual(range(0, 150))
})

test('is asked for by Accept too, filtered by path, topic and type', async () => {
  const accept = { accept: 'application/json' }
  expect(dataOf(await history('limit=2', '/events/t/1', accept))).toEqual([147, 149])
  expect(dataOf(await history('limit=2&topic=t/0&type=even', '/events', accept))).toEqual([138, 144])
  expect(dataOf(await history('limit=2&type=odd.*', '/events/t/*', accept))).toEqual([148, 149])
  expect(dataOf(await history('', '/events/nothing/**', accept))).toEqual([])
})

test('of a place nobody issued is said to be truncated', async () => {
  expect(await history('format=json&since=zzzz.7')).toMatchObject({ truncated: true })
})

test('keeps the exact text of what was posted', async () => {
  const own = await servedHub()
  await own.fetch('/events/raw', { method: 'POST', body: '{"big":12345678901234567890.10}' })
  expect(await (await own.fetch('/events?format=json')).text()).toContain('"data":{"big":12345678901234567890.10}')
  await own.close()
})

const refused: [query: string, code: ErrorCode, pointer: string][] = [
  ['limit=0', 'invalid-query', '/limit'],
  ['limit=1001', 'invalid-query', '/limit'],
  ['limit=ten', 'invalid-query', '/limit'],
  ['limit=1&limit=2', 'invalid-query', '/limit'],
  ['since=yesterday', 'invalid-query', '/since'],
  ['last=0', 'invalid-query', '/last'],
  ['topic=a*', 'invalid-pattern', '/topic'],
  ['topic=$sys', 'invalid-pattern', '/topic'],
  ['type=error', 'invalid-type', '/type'],
  ['tpoic=a', 'invalid-query', '/tpoic'],
  ['envelope=1', 'invalid-query', '/envelope'],
  ['since=2026-02-31T12:00:00Z', 'invalid-query', '/since'],
  [`${'topic=a&'.repeat(65)}x`.slice(0, -2), 'invalid-query', '/topic'],
]
test.each(refused)('refuses ?%s', async (query, code, pointer) => {
  await expectProblem(await served.fetch(`/events?format=json&${query}`), 400, code, pointer)
})

test('refuses a format there is not, and a path that is no UTF-8', async () => {
  await expectProblem(await served.fetch('/events?format=xml'), 400, 'invalid-query', '/format')
  await expectProblem(await served.fetch('/events/a%ff?format=json'), 400, 'invalid-pattern', '/topic')
})
