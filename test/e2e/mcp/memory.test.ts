import { afterEach, expect, test } from 'bun:test'
import { Executable } from '../../support/executable.ts'
import { openSockets, residentBytes } from '../../support/process.ts'
import { reload, writeSettings } from '../../support/reload.ts'
import { StallingReader } from '../../support/stalling-reader.ts'
import { until } from '../../support/until.ts'

const KIB = 1024
const SESSIONS = 2000
const LISTENERS = 500
const AT_ONCE = 20
const VERSION = '2025-11-25'
const STATELESS = '2026-07-28'
const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: VERSION, capabilities: {}, clientInfo: { name: 'abandons', version: '1' } },
}

let server: Executable
afterEach(() => server.remove())

function serve(env: Record<string, string>): Promise<Executable> {
  // JavaScriptCore collects early and whole: the resident memory then says what is in use.
  return Executable.serve({ BUN_JSC_forceRAMSize: '60000000', BUN_JSC_useGenerationalGC: '0', ...env })
}

function post(message: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${server.url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: JSON.stringify(message),
  })
}

/** As a client that is started, looks what there is, and is gone without a word. */
async function abandonedSession(): Promise<string> {
  const opened = await post(INITIALIZE)
  expect(opened.status).toBe(200)
  await opened.text()
  const session = { 'mcp-session-id': opened.headers.get('mcp-session-id')!, 'mcp-protocol-version': VERSION }
  await (await post({ jsonrpc: '2.0', method: 'notifications/initialized' }, session)).text()
  const uri = 'events://topics/orders/42'
  await (await post({ jsonrpc: '2.0', id: 2, method: 'resources/subscribe', params: { uri } }, session)).text()
  await (await post({ jsonrpc: '2.0', id: 3, method: 'tools/list' }, session)).text()
  return session['mcp-session-id']
}

async function wave(count: number, each: (index: number) => Promise<string>): Promise<string[]> {
  const made: string[] = []
  for (let begun = 0; begun < count; begun += AT_ONCE) {
    made.push(...(await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => each(begun + index)))))
  }
  return made
}

/** Whether a session is still known, asked so wrongly that it is not used by that: the hub looks for it first. */
async function isKnown(sessionId: string): Promise<boolean> {
  const headers = { accept: 'text/event-stream', 'mcp-session-id': sessionId, 'mcp-protocol-version': 'none' }
  const { status } = await fetch(`${server.url}/mcp`, { headers })
  if (status !== 400 && status !== 404) throw new Error(`Neither known nor unknown: ${status}`)
  return status === 400
}

/** Whether there is room for one more session, which then ends at once. */
async function hasRoom(): Promise<boolean> {
  const { status, headers } = await post(INITIALIZE)
  if (status === 503) return false
  await end(headers.get('mcp-session-id')!)
  return true
}

async function end(sessionId: string): Promise<void> {
  await fetch(`${server.url}/mcp`, { method: 'DELETE', headers: { 'mcp-session-id': sessionId } })
}

/** The least over some seconds of light work, in which the collectors give back what they freed. */
async function leastMemory(): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let look = 0; look < 60; look++) {
    await (await fetch(`${server.url}/livez`)).text()
    await Bun.sleep(50)
    least = Math.min(least, residentBytes(server.pid))
  }
  return least
}

test('2,000 sessions that were left without a word are gone after their idle time, and 2,000 more need no more memory', async () => {
  // With room for one wave and no more, the hub itself says when all of it is there, and when it has swept.
  server = await serve({ MCP_SSE_LIMITS_MCP_SESSIONS: String(SESSIONS) })
  const idleFor = (time: string): Promise<string> => {
    writeSettings(server, `[mcp]\nsession_idle = "${time}"\n`)
    return reload(server)
  }
  for (const session of await wave(20, abandonedSession)) await end(session)
  const before = await leastMemory()
  const taken: number[] = []
  for (let turn = 0; turn < 2; turn++) {
    // All of a wave has to be there at once, however long it takes.
    await idleFor('1h')
    const sessions = await wave(SESSIONS, abandonedSession)
    taken.push(await leastMemory())
    expect(await hasRoom()).toBe(false)
    expect(await isKnown(sessions[0]!)).toBe(true)
    await idleFor('1s')
    await until('a sweep that nobody asked for', hasRoom, 60_000)
    await until('the last one to be forgotten', async () => !(await isKnown(sessions.at(-1)!)), 60_000)
    const known = await wave(SESSIONS, async (index) => String(await isKnown(sessions[index]!)))
    expect(known.filter((one) => one === 'true')).toEqual([])
  }
  const [first, second] = taken as [number, number]
  console.log(
    `2,000 sessions, each subscribed: ${((first - before) / SESSIONS / KIB).toFixed(1)} KiB each; the second wave ÷ the first: ${(second / first).toFixed(3)}`,
  )
  expect(second).toBeLessThan(first * 1.1)
}, 600_000)

function listenMessage(id: number): unknown {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': STATELESS,
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const notifications = { resourceSubscriptions: [`events://topics/orders/${id % 50}`] }
  return { jsonrpc: '2.0', id, method: 'subscriptions/listen', params: { _meta: meta, notifications } }
}

test('500 streams of subscriptions/listen take at most 25 KiB each, and their sockets go with them', async () => {
  server = await serve({})
  // Sockets of our own: fetch opens 256 at once and no more.
  const listen = async (count: number): Promise<() => void> => {
    const readers: StallingReader[] = []
    await wave(count, async (index) => {
      const reader = await StallingReader.open(server.port, '/mcp', {
        headers: `content-type: application/json\r\nmcp-protocol-version: ${STATELESS}\r\nmcp-method: subscriptions/listen\r\n`,
        body: JSON.stringify(listenMessage(index + 1)),
      })
      readers.push(reader)
      await until('the acknowledgement', () => reader.text.includes('subscriptions/acknowledged'))
      return ''
    })
    return () => {
      for (const reader of readers) reader.hangUp('rst')
    }
  }
  // What the first ones make for all is not theirs alone.
  ;(await listen(100))()
  const sockets = (): number => openSockets(server.pid)
  await until('the first listeners to be gone', () => sockets() < 60)
  const before = await leastMemory()
  const stop = await listen(LISTENERS)
  const each = ((await leastMemory()) - before) / LISTENERS / KIB
  console.log(`a stream of subscriptions/listen: ${each.toFixed(1)} KiB`)
  expect(each).toBeLessThanOrEqual(25)
  const open500 = sockets()
  stop()
  await until('all listeners to be gone', () => sockets() < open500 - LISTENERS + 60)
})
