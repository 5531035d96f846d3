import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { bearer, keySettings, testKey } from '../support/access.ts'
import { draft } from '../support/hub.ts'
import { expectProblem } from '../support/problem.ts'
import { expectGoodMetrics, promtool } from '../support/promtool.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'
import { statelessRequest } from '../support/stateless-hub.ts'
import { tempDir } from '../support/temp-dir.ts'
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
  await until('the stream to be gone', () => served.hub.connections === 0)
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

test('the start of the process is the same each time, so that nobody takes it for a restart', async () => {
  const starts = new Set<number | undefined>()
  for (let count = 0; count < 20; count++) starts.add((await numbers()).get('process_start_time_seconds'))
  expect(starts.size).toBe(1)
  const [start] = [...starts]
  expect(Math.abs(start! - (Date.now() / 1000 - process.uptime()))).toBeLessThan(10)
})

test('how slowly a body arrives is no part of how long publishing takes', async () => {
  const name = 'mcp_sse_publish_duration_seconds'
  const before = await numbers()
  const bytes = new TextEncoder()
  let sent = 0
  const body = new ReadableStream({
    async start(controller) {
      for (const piece of ['a', 'b', 'c']) {
        controller.enqueue(bytes.encode(piece))
        await Bun.sleep(100)
      }
      sent = performance.now()
      controller.close()
    },
  })
  const began = performance.now()
  const answer = await served.fetch('/events/slow', { method: 'POST', headers: bearer(agent.text), body })
  expect(answer.status).toBe(201)
  const answered = performance.now()
  expect(sent - began).toBeGreaterThan(200)
  const after = await numbers()
  const grew = (part: string) => after.get(name + part)! - before.get(name + part)!
  expect(grew('_count')).toBe(1)
  expect(grew('_sum')).toBeLessThan((answered - sent + 1) / 1000)
})

test('a wait that got what it waited for, or nothing in time, is done; its client has not gone', async () => {
  const closed = (after: Map<string, number>, reason: string) =>
    after.get(`mcp_sse_streams_closed_total{reason="${reason}"}`)
  const before = await numbers()
  const place = served.hub.cursor(served.log.head)
  await served.hub.publish([draft('a', 'one')])
  for (const since of [place, undefined]) {
    const input = { topics: ['a'], timeout_seconds: 1, ...(since && { since }) }
    const call = statelessRequest('tools/call', { name: 'wait_for_event', arguments: input }, { key: agent.text })
    await (await served.fetch('/mcp', call)).text()
  }
  const after = await numbers()
  expect(closed(after, 'done')).toBe(closed(before, 'done')! + 2)
  expect(closed(after, 'client-gone')).toBe(closed(before, 'client-gone'))
})

test('what is refused is counted by status and code wherever it is asked; what a client made up is not in it', async () => {
  const before = await numbers()
  const headers = bearer(agent.text)
  await served.fetch('/made-up', { headers })
  await served.fetch('/topics')
  await served.fetch('/events/a', { headers: { host: 'a b' } })
  await served.fetch('/events?since=yesterday', { headers })
  await served.fetch('/mcp', { method: 'POST', headers, body: 'x' })
  const after = await numbers()
  const grew = (status: number, code: string) => {
    const name = `mcp_sse_http_errors_total{status="${status}",code="${code}"}`
    return (after.get(name) ?? 0) - (before.get(name) ?? 0)
  }
  expect(grew(404, 'not-found')).toBe(1)
  expect(grew(401, 'credential-missing')).toBe(1)
  expect(grew(403, 'host-not-allowed')).toBe(1)
  expect(grew(400, 'invalid-query')).toBe(1)
  expect(grew(415, 'http-415')).toBe(1)
})

test('what is configured is there to divide by, and follows a reload; the files are as large as they are', async () => {
  using dir = tempDir()
  const at = await servedHub({ directory: dir.path, limits: { connections: 7 }, retention: { maxEvents: 5000 } })
  try {
    await at.hub.publish([draft('a', 'x'.repeat(5000))])
    const read = async (name: string) =>
      Number(new RegExp(`^mcp_sse_${name} (\\S+)$`, 'm').exec(await (await at.fetch('/metrics')).text())?.[1])
    expect(await read('limit_connections')).toBe(7)
    at.limits.connections = 8
    expect(await read('limit_connections')).toBe(8)
    expect(await read('limit_pending_bytes')).toBe(at.limits.pendingBytes)
    expect(await read('retention_max_events')).toBe(5000)
    expect(await read('retention_max_age_seconds')).toBe(86_400)
    expect(await read('retention_max_bytes')).toBe(1 << 30)
    expect(await read('log_file_bytes{file="database"}')).toBe(statSync(join(dir.path, 'events.db')).size)
    expect(await read('log_file_bytes{file="wal"}')).toBeGreaterThan(5000)
  } finally {
    await at.close()
  }
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
  const counters = ['publish_refused', 'streams_refused', 'mcp_calls', 'webhook_attempts', 'http_errors']
  const silent = [
    ...counters.map((name) => `mcp_sse_${name}_total`),
    'mcp_sse_tls_certificate_expiry_timestamp_seconds',
    'mcp_sse_log_file_bytes',
  ]
  expect([...written, ...silent.filter((name) => !written.includes(name))].sort()).toEqual(inTable.sort())
})

test.skipIf(promtool === null)('Prometheus has nothing to say against them (needs promtool)', async () => {
  expectGoodMetrics(await (await asked(bearer(prometheus.text))).text())
})
