import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { bearer, keySettings, testKey } from '../support/access.ts'
import { draft } from '../support/hub.ts'
import { expectProblem } from '../support/problem.ts'
import { expectGoodMetrics, promtool } from '../support/promtool.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'
import { statelessRequest } from '../support/stateless-hub.ts'
import { until } from '../support/until.ts'

const prometheus = testKey('prometheus', { metrics: true })
const ops = testKey('ops', { admin: true })
const agent = testKey('agent', { publish: ['**'], subscribe: ['**'] })
let served: ServedHub
beforeAll(async () => {
  served = await servedHub({ access: keySettings([prometheus, ops, agent]) })
})
afterAll(() => served.close())

const asked = (headers: Record<string, string>, method = 'GET') => served.fetch('/metrics', { method, headers })

/** `name{labels}` → value. */
async function numbers(): Promise<Map<string, number>> {
  const text = await (await asked(bearer(prometheus.text))).text()
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]))
}

test('a key with metrics and one with admin read them, as text of version 0.0.4 that nothing keeps', async () => {
  for (const key of [prometheus, ops]) {
    const response = await asked(bearer(key.text))
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect((await asked(bearer(key.text), 'HEAD')).status).toBe(200)
  }
})

test('a key that may publish and read everything may not, and nor may nobody; HEAD is no way round', async () => {
  await expectProblem(await asked(bearer(agent.text)), 403, 'forbidden')
  await expectProblem(await asked({}), 401, 'credential-missing')
  expect((await asked(bearer(agent.text), 'HEAD')).status).toBe(403)
})

test('a key with metrics may do nothing else', async () => {
  const headers = bearer(prometheus.text)
  expect((await served.fetch('/events/a', { method: 'POST', headers, body: 'x' })).status).toBe(403)
  for (const path of ['/events', '/webhooks', '/topics']) {
    expect((await served.fetch(path, { headers })).status).toBe(403)
  }
  const { grants } = (await (await served.fetch('/whoami', { headers })).json()) as { grants: unknown }
  expect(grants).toEqual({ publish: [], subscribe: [], admin: false, metrics: true })
})

test('in open mode everyone of this machine reads them', async () => {
  const open = await servedHub()
  try {
    expect((await open.fetch('/metrics')).status).toBe(200)
  } finally {
    await open.close()
  }
})

test('publishing, refusals, streams and calls of tools are in them; topics, principals and made-up names are not', async () => {
  const headers = bearer(agent.text)
  const before = await numbers()
  const grown = (after: Map<string, number>, name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0)
  const stream = await served.fetch('/events', { headers: { ...headers, accept: 'application/x-ndjson' } })
  await served.fetch('/events/very/secret-topic', { method: 'POST', headers, body: 'x' })
  await served.fetch('/events/a*b', { method: 'POST', headers, body: 'x' })
  for (const name of ['hub_status', 'no_such_tool']) {
    const call = statelessRequest('tools/call', { name, arguments: {} }, { key: agent.text })
    await (await served.fetch('/mcp', call)).text()
  }
  const open = await numbers()
  expect(open.get('mcp_sse_connections{kind="ndjson"}')).toBe(1)
  await stream.body!.cancel()
  const after = await numbers()
  const grew = (name: string) => grown(after, `mcp_sse_${name}`)
  expect(grew('events_published_total')).toBe(1)
  expect(grew('publish_duration_seconds_count')).toBe(1)
  expect(grew('publish_refused_total{code="invalid-topic"}')).toBe(1)
  expect(grew('commit_duration_seconds_count')).toBe(1)
  expect(grew('log_events')).toBe(1)
  expect(grew('mcp_calls_total{tool="hub_status",version="2026-07-28"}')).toBe(1)
  expect(grew('mcp_calls_total{tool="other",version="2026-07-28"}')).toBe(1)
  const text = await (await asked(bearer(prometheus.text))).text()
  for (const name of ['secret-topic', 'no_such_tool', 'key:', 'agent', 'prometheus']) expect(text).not.toContain(name)
})

test('however many ask at once, they are written down once', async () => {
  let writings = 0
  const written = Promise.withResolvers<void>()
  const at = await servedHub({
    metrics: async () => {
      writings++
      await written.promise
      return { text: 'a 1\n', contentType: 'text/plain' }
    },
  })
  try {
    const answers = Array.from({ length: 20 }, () => at.fetch('/metrics'))
    await until('all of them to be in', () => at.app.server!.pendingRequests === 20)
    written.resolve()
    for (const answer of answers) expect(await (await answer).text()).toBe('a 1\n')
    expect(writings).toBe(1)
    await at.fetch('/metrics')
    expect(writings).toBe(2)
  } finally {
    await at.close()
  }
})

test('docs/metrics.md has every name, and no other', async () => {
  await served.hub.publish([draft('a', 'one')])
  const text = await (await asked(bearer(prometheus.text))).text()
  const documented = readFileSync(resolve(import.meta.dir, '../../docs/metrics.md'), 'utf8')
  const inTable = [...documented.matchAll(/^\| `((?:mcp_sse|process)_\w+)/gm)].map(([, name]) => name)
  const written = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)
  // What has nothing to say yet is not written.
  const silent = ['publish_refused', 'streams_refused', 'mcp_calls', 'webhook_attempts'].map(
    (name) => `mcp_sse_${name}_total`,
  )
  expect([...written, ...silent.filter((name) => !written.includes(name))].sort()).toEqual(inTable.sort())
})

test.skipIf(promtool === null)('Prometheus has nothing to say against them (needs promtool)', async () => {
  expectGoodMetrics(await (await asked(bearer(prometheus.text))).text())
})
