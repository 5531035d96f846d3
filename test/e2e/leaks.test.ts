import { afterAll, beforeAll, expect, test } from 'bun:test'
import { Executable } from '../support/executable.ts'
import { Follower } from '../support/follower.ts'
import { openSockets, residentBytes } from '../support/process.ts'
import { StallingReader } from '../support/stalling-reader.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024
const WAVE = 50
const CONNECTIONS = 60

let server: Executable
beforeAll(async () => {
  // Short heartbeats and many topics: whatever a connection leaves behind is visited and grows.
  server = await Executable.serve({
    MCP_SSE_LIMITS_CONNECTIONS: String(CONNECTIONS),
    MCP_SSE_STREAM_HEARTBEAT: '500ms',
    // JavaScriptCore collects early and whole: the resident memory then says what is in use, ±1 MiB instead of ±8.
    BUN_JSC_forceRAMSize: '60000000',
    BUN_JSC_useGenerationalGC: '0',
  })
})
afterAll(() => server.remove())

/** The ways a client can go, one after another. */
const departures: ((index: number) => Promise<void>)[] = [
  // Before the request is whole.
  async () => {
    const socket = await Bun.connect({ hostname: '127.0.0.1', port: server.port, socket: { data() {}, error() {} } })
    socket.write('GET /events HTTP/1.1\r\nhost: 127')
    socket.terminate()
  },
  // Before the answer.
  async (index) => (await StallingReader.open(server.port, `/events/gone/${index}`)).hangUp('rst'),
  async (index) => (await StallingReader.open(server.port, `/events/gone/${index}?since=earliest`)).hangUp('fin'),
  // In the middle of a replay.
  async () => {
    const reader = await opened('/events/history?since=earliest', 'event: $open')
    reader.resume()
    reader.hangUp('rst')
  },
  // Live, waiting for events of its own or of everybody's.
  async (index) => (await opened(`/events/waits/${index}`)).hangUp('fin'),
  async () => (await opened('/events')).hangUp('rst'),
  async (index) => (await opened(`/events/%2A%2A?envelope=1&since=earliest&type=t${index}`)).hangUp('fin'),
]

/** Asks again while the server is full of those before, whose going it has not noticed yet. */
async function opened(path: string, stallAt = ''): Promise<StallingReader> {
  let reader = await StallingReader.open(server.port, path, { stallAt })
  await until(`$open on ${path}`, async () => {
    if (reader.stalls || reader.text.includes('event: $open')) return true
    if (reader.text.includes('event: $closing')) {
      reader.hangUp('fin')
      reader = await StallingReader.open(server.port, path, { stallAt })
    }
    return false
  })
  return reader
}

let rounds = 0
async function connectAndGo(count: number): Promise<void> {
  for (const end = rounds + count; rounds < end; rounds += WAVE) {
    const wave = Array.from({ length: WAVE }, (_, index) => departures[index % departures.length]!(rounds + index))
    const published = fetch(`${server.url}/events/history`, { method: 'POST', body: 'x'.repeat(10_000) })
    await Promise.all([...wave, published.then((response) => response.text())])
  }
}

/**
 * The least memory the server gets along with: the lowest of what it has over some seconds of light work, in which its
 * collectors run and give back what they freed.
 */
async function leastMemory(): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let look = 0; look < 60; look++) {
    for (let request = 0; request < 10; request++) await (await fetch(`${server.url}/livez`)).text()
    await Bun.sleep(50)
    least = Math.min(least, residentBytes(server.pid))
  }
  return least
}

test('1,000 clients that come and go leave no subscription, no descriptor and no memory behind', async () => {
  const idle = openSockets(server.pid)
  // Code is compiled and caches fill: +5 MiB from 500 rounds to 1,000, then 74 ± 1 MiB up to 4,500 (measured). What every
  // round leaves behind shows in each stretch of 500; what the collectors put off, in one.
  await connectAndGo(500)
  const growth: number[] = []
  for (let before = await leastMemory(); growth.length < 5; ) {
    await connectAndGo(500)
    const after = await leastMemory()
    growth.push((after - before) / MIB)
    if (growth.at(-1)! < 2) break
    before = after
  }
  expect(Math.min(...growth)).toBeLessThan(2)
  expect(rounds).toBeGreaterThanOrEqual(1_000)
  // At most the one that publishes is kept alive.
  await until('every socket to be closed', () => openSockets(server.pid) <= idle + 1)

  const held = await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => (await Follower.open(`${server.url}/events`)).opened()),
  )
  expect(held.flatMap((follower) => follower.control('$closing'))).toEqual([])
  const refused = await (await Follower.open(`${server.url}/events`)).opened()
  expect(refused.control('$closing')).toMatchObject([{ reason: 'too-many-connections', reconnect: true }])
  for (const follower of held) follower.stop()
}, 400_000)
