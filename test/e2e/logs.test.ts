import { afterEach, describe, expect, test } from 'bun:test'
import { bearer } from '../support/access.ts'
import { configuredKey, keysVariable } from '../support/configured-key.ts'
import { Executable } from '../support/executable.ts'
import { residentBytes } from '../support/process.ts'
import { reload, writeSettings } from '../support/reload.ts'
import { secret } from '../support/secrets.ts'
import { StalledLog } from '../support/stalled-log.ts'
import { until } from '../support/until.ts'

let hub: Executable | StalledLog
afterEach(() => hub?.remove())

const MIB = 1024 * 1024

/** As many refused requests, and so lines of level debug. */
async function refuse(url: string, count: number): Promise<void> {
  let left = count
  const ask = async () => {
    while (left-- > 0) await (await fetch(`${url}/nothing`)).arrayBuffer()
  }
  await Promise.all(Array.from({ length: 32 }, ask))
}

/** @throws while the last of them is not whole */
function linesOf(text: string): Record<string, unknown>[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

describe('a log whose reader takes nothing', () => {
  test('stops neither requests nor events, holds a bounded part of memory, and says later what was lost', async () => {
    const stalled = await StalledLog.serve({ LOG_LEVEL: 'debug' })
    hub = stalled
    await refuse(stalled.url, 3000)
    const before = residentBytes(stalled.child.pid)
    await refuse(stalled.url, 25_000)
    const stream = await fetch(`${stalled.url}/events?control=0&since=earliest&format=ndjson`)
    expect((await fetch(`${stalled.url}/livez`, { signal: AbortSignal.timeout(20_000) })).status).toBe(200)
    expect((await fetch(`${stalled.url}/events/a`, { method: 'POST', body: 'kept' })).status).toBe(201)
    let seen = ''
    for await (const chunk of stream.body!) {
      seen += new TextDecoder().decode(chunk)
      if (seen.includes('kept')) break
    }
    expect(residentBytes(stalled.child.pid) - before).toBeLessThan(64 * MIB)
    const metrics = await (await fetch(`${stalled.url}/metrics`)).text()
    const lost = Number(/^mcp_sse_log_lines_dropped_total (\d+)$/m.exec(metrics)?.[1])
    expect(lost).toBeGreaterThan(1000)
    let text = ''
    // The stream's own line may be the last.
    const asked = 28_000 + 1
    const { lines, said } = await until('the line about what was lost, and all that were not', () => {
      text += stalled.read()
      const lines = linesOf(text)
      const said = lines.filter(({ about }) => about === 'lines-lost')
      const lost = said.reduce((sum, line) => sum + Number(line.lines), 0)
      return lost > 0 && lines.length - said.length + lost >= asked ? { lines, said } : undefined
    })
    expect(said).toHaveLength(1)
    // The metric may have been read before the stream's own line was lost.
    const saidLost = Number(said[0]!.lines)
    expect([lost, lost + 1]).toContain(saidLost)
    expect(lines.length - 1 + saidLost).toBe(asked)
  })

  test('does not keep a hub that was told to stop', async () => {
    const stalled = await StalledLog.serve({ LOG_LEVEL: 'debug' })
    hub = stalled
    await refuse(stalled.url, 2000)
    stalled.child.kill('SIGTERM')
    expect(await Promise.race([stalled.child.exited, Bun.sleep(60_000)])).toBe(0)
  })
})

test('every line of a pipe is a JSON object, with a stream that ended and no secret; a forged subject begins no line', async () => {
  const key = configuredKey('reader', { subscribe: ['**'] })
  const stalled = await StalledLog.serve({ MCP_SSE_AUTH_KEYS: keysVariable(key), LOG_LEVEL: 'debug' })
  hub = stalled
  const wrong = secret('a wrong key', 'mcpsse_')
  const ticket = secret('a wrong ticket')
  for (const path of [
    `/events?ticket=${ticket}`,
    `/events/a?key=${wrong}`,
    `/${wrong}`,
    '/events?x=%0A{"level":"error"}',
  ]) {
    await (await fetch(stalled.url + path, { method: path.includes('?key') ? 'POST' : 'GET' })).text()
    await (await fetch(stalled.url + path, { headers: bearer(wrong) })).text()
  }
  const stream = await fetch(`${stalled.url}/events`, { headers: { accept: 'text/event-stream', ...bearer(key.text) } })
  await stream.body!.cancel()
  let text = ''
  await until('the stream to be said', () => {
    text += stalled.read()
    return /stream-closed.*\n$/.test(text)
  })
  const lines = linesOf(text)
  for (const line of lines) {
    expect(line).toMatchObject({ time: expect.any(String), level: expect.any(String), msg: expect.any(String) })
  }
  expect(lines.find(({ about }) => about === 'stream-closed')).toMatchObject({
    level: 'info',
    connection: expect.stringMatching(/^con_/),
    kind: 'sse',
    principal: 'key:reader',
    reason: 'client-gone',
    seconds: expect.any(Number),
    events: 0,
    bytes: expect.any(Number),
  })
  const codes = lines.filter(({ about }) => about === 'refusal').map(({ code }) => code)
  expect(codes).toContain('credential-invalid')
})

test('in the journal of systemd, which names itself, lines have priorities and no time', async () => {
  const server = await Executable.serve({ MCP_SSE_LOG_FORMAT: 'auto', MCP_SSE_PORT: 'x' }, undefined, [
    'sh',
    '-c',
    'JOURNAL_STREAM=$(stat -Lc %d:%i /dev/fd/2) exec "$@"',
    'sh',
  ])
  hub = server
  await until('the warning', () => /^<4>warning: MCP_SSE_PORT is not a setting/m.test(server.output))
})

test('a reload changes which lines are written', async () => {
  const server = await Executable.serve()
  hub = server
  await (await fetch(`${server.url}/events`)).body!.cancel()
  await until('the stream to be said', () =>
    /^\S+Z mcp-sse: closed con_\w+ \(sse, local\): client-gone/m.test(server.output),
  )
  await refuse(server.url, 1)
  writeSettings(server, 'log_level = "debug"')
  await reload(server)
  await refuse(server.url, 1)
  const refusals = () =>
    server.output.match(/mcp-sse: debug: refused not-found: GET \(no route\) by local \[request req_\w+\]\n/g)
  await until('the refusal to be said', refusals)
  expect(refusals()).toHaveLength(1)
})
