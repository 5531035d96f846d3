import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Problem } from '../../src/http/problem.ts'
import { bearer, keySettings, testKey } from '../support/access.ts'
import { everyRoute } from '../support/every-route.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'
import { until } from '../support/until.ts'

const OURS = /^req_[0-9a-f]{20}$/
const reader = testKey('reader', { subscribe: ['**'] })
let served: ServedHub
beforeAll(async () => {
  served = await servedHub({ access: keySettings([reader]) })
})
afterAll(() => served.close())

const given = (id: string) => ({ 'x-request-id': id })

test('every refusal of every route has an id of its own: in the header, in the document and in the log', async () => {
  const seen = new Set<string>()
  for (const { method, path } of everyRoute(served)) {
    const response = await served.fetch(path, {
      method,
      headers: { origin: 'https://elsewhere.example', ...bearer('wrong') },
      body: method === 'POST' ? '{}' : null,
    })
    const text = await response.text()
    if (response.status < 400) continue
    const id = response.headers.get('x-request-id')
    expect([method, path, id]).toEqual([method, path, expect.stringMatching(OURS)])
    if (response.headers.get('content-type') === 'application/problem+json' && method !== 'HEAD') {
      expect((JSON.parse(text) as Problem).request).toBe(id!)
    }
    expect(seen.has(id!)).toBe(false)
    seen.add(id!)
    expect([method, path, served.refusals.filter(({ request }) => request === id).length]).toEqual([method, path, 1])
  }
  expect(seen.size).toBeGreaterThan(20)
})

test('what is answered as asked has none, also if one was given', async () => {
  for (const path of ['/livez', '/whoami', '/topics']) {
    const response = await served.fetch(path, { headers: { ...bearer(reader.text), ...given('abc') } })
    expect([response.status, response.headers.get('x-request-id')]).toEqual([200, null])
  }
})

test('the id of a trusted proxy is taken over, into the log too', async () => {
  const response = await served.fetch('/topics?a=b', { headers: { ...bearer(reader.text), ...given('7f.A_b:c-1') } })
  expect(response.status).toBe(400)
  expect(response.headers.get('x-request-id')).toBe('7f.A_b:c-1')
  expect(served.refusals.at(-1)).toMatchObject({ code: 'invalid-query', route: 'GET /topics', request: '7f.A_b:c-1' })
})

test.each(['', ' ', 'a b', 'x'.repeat(65), 'é', '{"a":1}', 'a,b'])(
  'what is no id is not taken over: %p',
  async (id) => {
    const response = await served.fetch('/topics?a=b', { headers: { ...bearer(reader.text), ...given(id) } })
    expect(response.headers.get('x-request-id')).toMatch(OURS)
  },
)

test('nobody else may name a request: the log would say what a stranger likes', async () => {
  const at = await servedHub({ access: { ...keySettings([reader]), trustedProxies: ['203.0.113.0/24'] } })
  try {
    const response = await at.fetch('/topics', { headers: given('evt-of-another') })
    expect(response.status).toBe(401)
    expect(response.headers.get('x-request-id')).toMatch(OURS)
  } finally {
    await at.close()
  }
})

test('a page may read it, of a refusal too', async () => {
  const response = await served.fetch('/topics', { headers: { origin: 'https://any.example', ...bearer(reader.text) } })
  expect(response.headers.get('access-control-expose-headers')).toContain('X-Request-Id')
})

test('a stream that is told to come back has one, and its operator reads which limit it was', async () => {
  const at = await servedHub({ limits: { connections: 1 } })
  try {
    const held = await at.fetch('/events')
    const refused = await at.fetch('/events/a', { headers: { accept: 'text/event-stream' } })
    expect(await refused.text()).toContain('too-many-connections')
    expect(refused.headers.get('x-request-id')).toMatch(OURS)
    expect(at.refusals.at(-1)).toMatchObject({
      code: 'too-many-connections',
      route: 'GET /events/*',
      request: refused.headers.get('x-request-id')!,
    })
    expect(at.refused).toHaveLength(1)
    await held.body!.cancel()
  } finally {
    await at.close()
  }
})

test('a failure nobody foresaw is reported with the id that the client has', async () => {
  const reports: [unknown, string | undefined][] = []
  const boom = new Error('boom')
  const at = await servedHub({
    report: (error, request) => reports.push([error, request]),
    metrics: () => Promise.reject(boom),
  })
  try {
    const response = await at.fetch('/metrics')
    expect(response.status).toBe(500)
    const { request } = (await response.json()) as Problem
    expect(request).toMatch(OURS)
    await until('the report', () => reports.length > 0)
    expect(reports).toEqual([[boom, request]])
  } finally {
    await at.close()
  }
})
