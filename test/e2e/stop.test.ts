import { afterEach, describe, expect, test } from 'bun:test'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { BusyPublishers } from '../support/busy-publishers.ts'
import { Executable } from '../support/executable.ts'
import { Follower } from '../support/follower.ts'
import { freePort } from '../support/port.ts'
import { RawStream } from '../support/raw-stream.ts'
import { StallingReader } from '../support/stalling-reader.ts'
import { until } from '../support/until.ts'

let server: Executable
const followers: Follower[] = []
afterEach(async () => {
  for (const follower of followers.splice(0)) follower.stop()
  await server?.remove()
})

async function follow(path: string): Promise<Follower> {
  const follower = await Follower.open(server.url + path)
  followers.push(follower)
  return follower.opened()
}

function publish(topic: string, body: string, query = ''): Promise<Response> {
  return fetch(`${server.url}/events/${topic}${query}`, { method: 'POST', body })
}

/** How long the default `drain.timeout` would be used up by what stands in the way, several times over. */
const LONG_DRAIN = '60s'
/** Far from both that and what a stop takes by itself, also on a busy machine. */
const NOT_HELD_UP_MS = 30_000

/** For so long a hub that stops answers those who send one request after the other, and says that it is the last one. */
const FAREWELL_MS = 200

/** @returns the exit code and how long it took, in milliseconds */
async function ended(): Promise<{ exit: number | string | null; ms: number }> {
  const started = performance.now()
  return { exit: await server.exited(), ms: performance.now() - started }
}

async function readiness(): Promise<{ status: number; text: string }> {
  const response = await fetch(`${server.url}/readyz`)
  return { status: response.status, text: await response.text() }
}

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  test('tells every stream, closes the log and exits 0', async () => {
    server = await Executable.serve({ MCP_SSE_DRAIN_TIMEOUT: LONG_DRAIN })
    const readers = await Promise.all(
      ['/events', '/events/a', '/events/quiet', '/events/a?since=earliest', '/events/*', '/events/**', '/events/b'].map(
        follow,
      ),
    )
    for (let count = 0; count < 20; count++) expect((await publish('a', `${count}`)).status).toBe(201)
    server.signal(signal)
    const { exit, ms } = await ended()
    expect(exit).toBe(0)
    // Nobody stands in the way, so the time for those who do is not used up.
    expect(ms).toBeLessThan(NOT_HELD_UP_MS)
    for (const reader of readers) {
      await until('the end of the stream', () => reader.ended !== 'no')
      expect(reader.ended).toBe('clean')
      expect(reader.messages.at(-1)?.event).toBe('$closing')
      expect(reader.control('$closing')).toEqual([{ reason: 'shutdown', reconnect: true, retryMs: reader.retryMs }])
    }
    // They are not to come back all at once.
    const retries = readers.map((reader) => reader.retryMs!)
    expect(new Set(retries).size).toBeGreaterThan(readers.length / 2)
    expect(Math.max(...retries) - Math.min(...retries)).toBeGreaterThan(100)
    // Checkpointed: the write-ahead log is empty, the header of the database is its own.
    expect(statSync(join(server.dataDir, 'events.db-wal'), { throwIfNoEntry: false })?.size ?? 0).toBe(0)
    expect(readFileSync(join(server.dataDir, 'events.db')).toString('latin1', 0, 15)).toBe('SQLite format 3')
    expect(server.output).not.toMatch(/error|\n\s+at /i)
    // The lock is free: the next one starts, and goes on where this one stopped.
    await server.start()
    const again = await follow('/events/a?since=earliest')
    await until('what was published', () => again.events.length === 20)
  })

  test('twice ends it at once', async () => {
    server = await Executable.serve({ MCP_SSE_DRAIN_DELAY: '5m' })
    await follow('/events')
    server.signal(signal)
    await until('the drain to begin', async () => (await readiness()).status === 503)
    server.signal(signal)
    const { exit, ms } = await ended()
    expect(exit).toBe(signal === 'SIGTERM' ? 143 : 130)
    expect(ms).toBeLessThan(NOT_HELD_UP_MS)
  })
})

test('while a stop waits for drain.delay it says not ready, takes nothing new and keeps its streams', async () => {
  // As long as all that is asked in it may take on a busy machine.
  server = await Executable.serve({ MCP_SSE_DRAIN_DELAY: '10s' })
  const reader = await follow('/events')
  expect(await readiness()).toMatchObject({ status: 200 })
  server.signal('SIGTERM')
  const unready = await until('not ready', async () => {
    const answer = await readiness()
    return answer.status === 503 ? answer : undefined
  })
  expect(JSON.parse(unready.text)).toEqual({ status: 'draining' })
  expect((await fetch(`${server.url}/livez`)).status).toBe(200)
  const refused = await publish('a', 'late')
  expect(refused.status).toBe(503)
  expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)
  expect(await refused.json()).toMatchObject({ code: 'draining' })
  // EventSource would give up for good on anything but 200.
  const late = await follow('/events')
  expect(late.control('$closing')).toMatchObject([{ reason: 'draining', reconnect: true }])
  expect(reader.control('$closing')).toEqual([])
  expect((await ended()).exit).toBe(0)
  await until('the end', () => reader.ended === 'clean')
  expect(reader.control('$closing')).toMatchObject([{ reason: 'shutdown' }])
})

test('SIGHUP during a stop, and during drain.delay, changes nothing, and every stream is told', async () => {
  server = await Executable.serve({ MCP_SSE_DRAIN_DELAY: '10s', MCP_SSE_DRAIN_TIMEOUT: LONG_DRAIN })
  // A request under way, which the stop waits for: it does not end between the streams and the second signal.
  const half = await Bun.connect({ hostname: '127.0.0.1', port: server.port, socket: { data() {} } })
  half.write(`POST /events/half HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\ncontent-length: 9\r\n\r\nhalf`)
  const stalled = await StallingReader.stalled(server.port, '/events/noise')
  const readers = await Promise.all(Array.from({ length: 20 }, () => follow('/events/quiet')))
  for (let count = 0; count < 80; count++) expect((await publish('noise', 'x'.repeat(240_000))).status).toBe(201)
  server.signal('SIGTERM')
  await until('not ready', async () => (await readiness()).status === 503)
  const { pid } = server
  process.kill(pid, 'SIGHUP')
  await until('the streams to be told', () => readers.every((reader) => reader.ended !== 'no'))
  process.kill(pid, 'SIGHUP')
  half.terminate()
  expect((await ended()).exit).toBe(0)
  for (const reader of readers) {
    expect(reader.ended).toBe('clean')
    expect(reader.control('$closing')).toMatchObject([{ reason: 'shutdown' }])
  }
  expect(server.output.match(/SIGHUP is ignored: the hub stops/g)).toHaveLength(1)
  expect(server.output).not.toContain('reloaded')
  stalled.hangUp()
})

test('publishers that keep their connections are told that the hub stops, none is cut off between two requests', async () => {
  server = await Executable.serve()
  const publishers = new BusyPublishers(`${server.url}/events/busy`, 16, FAREWELL_MS)
  const head = async () => Number((await (await fetch(`${server.url}/topics`)).json()).topics[0]?.events ?? 0)
  await until('them to be busy', async () => (await head()) > 200)
  server.signal('SIGTERM')
  expect((await ended()).exit).toBe(0)
  const { refused, nobody, reset } = await publishers.stop()
  expect({ stopped: refused + nobody, reset }).toEqual({ stopped: 16, reset: 0 })
})

test('a reader that has stopped reading holds up a stop no longer than drain.timeout', async () => {
  server = await Executable.serve({ MCP_SSE_DRAIN_TIMEOUT: '2s', MCP_SSE_STREAM_MAX_STALL: '10m' })
  const stalled = await StallingReader.stalled(server.port, '/events/noise')
  const healthy = await follow('/events/quiet')
  for (let count = 0; count < 80; count++) expect((await publish('noise', 'x'.repeat(240_000))).status).toBe(201)
  server.signal('SIGTERM')
  const { exit, ms } = await ended()
  expect(exit).toBe(0)
  expect(ms).toBeLessThan(NOT_HELD_UP_MS)
  await until('the healthy one to be told', () => healthy.ended === 'clean')
  expect(healthy.control('$closing')).toMatchObject([{ reason: 'shutdown' }])
  expect(stalled.closed).toBe(false)
  stalled.hangUp()
})

test('neither a reader that has stopped reading nor half of a request costs everybody else drain.timeout', async () => {
  server = await Executable.serve({ MCP_SSE_DRAIN_TIMEOUT: LONG_DRAIN })
  const stalled = await StallingReader.stalled(server.port, '/events/noise')
  const half = await Bun.connect({ hostname: '127.0.0.1', port: server.port, socket: { data() {} } })
  half.write('GET /events HTTP/1.1\r\nhost: 127')
  for (let count = 0; count < 80; count++) expect((await publish('noise', 'x'.repeat(240_000))).status).toBe(201)
  server.signal('SIGTERM')
  const { exit, ms } = await ended()
  expect(exit).toBe(0)
  expect(ms).toBeLessThan(NOT_HELD_UP_MS)
  stalled.hangUp()
  half.terminate()
})

test('many streams are told one after the other, and their clients come back after the last one was', async () => {
  const READERS = 1_200
  server = await Executable.serve({ MCP_SSE_LOG_FORMAT: 'json' })
  const readers: RawStream[] = []
  while (readers.length < READERS) {
    const some = Array.from({ length: 100 }, () => RawStream.open(`${server.url}/events`))
    readers.push(...(await Promise.all(some)))
  }
  const goodbyes = Promise.all(readers.map(goodbye))
  server.signal('SIGTERM')
  expect((await ended()).exit).toBe(0)
  const told = await goodbyes
  expect(readers.filter((reader) => !reader.endedWhole)).toEqual([])
  const retries = told.map(({ retryMs }) => retryMs)
  // By the clock of the hub: here they may all be read late. 300 ms for 1,200, of which one that stood still meanwhile
  // makes up 500 at a time, 25 ms apart.
  const lines = server.output.split('\n').filter((line) => line.startsWith('{'))
  const closings = lines.map((line) => JSON.parse(line)).filter(({ about }) => about === 'stream-closed')
  expect(closings).toHaveLength(READERS)
  const times = closings.map(({ time }) => Date.parse(time))
  expect(Math.max(...times) - Math.min(...times)).toBeGreaterThanOrEqual(40)
  // 1 to 3 s, and a turn of a thousand a second.
  expect(Math.min(...retries)).toBeGreaterThanOrEqual(1_000)
  expect(Math.max(...retries)).toBeLessThanOrEqual(3_000 + READERS + 300)
  expect(Math.max(...retries) - Math.min(...retries)).toBeGreaterThan(READERS)
})

/** What a stream said to wait when it ended, in milliseconds. */
async function goodbye(reader: RawStream): Promise<{ retryMs: number }> {
  for (let block = await reader.next(); block; block = await reader.next()) {
    if (block.type !== '$closing' || block.data === undefined) continue
    const { reason, retryMs } = JSON.parse(block.data)
    expect(reason).toBe('shutdown')
    return { retryMs }
  }
  throw new Error('It ended without a word.')
}

test('publishes in flight are answered or refused: none is acknowledged and lost', async () => {
  server = await Executable.serve()
  const acknowledged: { id: string; cursor: string }[] = []
  let refused = 0
  const publishers = Array.from({ length: 16 }, async (_, publisher) => {
    for (let number = 0; ; number++) {
      try {
        const response = await publish('work', 'y'.repeat(2_000), `?id=${publisher}-${number}`)
        if (response.status === 201) acknowledged.push((await response.json()) as { id: string; cursor: string })
        else {
          expect(await response.json()).toMatchObject({ code: expect.stringMatching(/^(draining|log-closed)$/) })
          expect(response.status).toBe(503)
          refused++
          return
        }
      } catch (error) {
        if (!(error instanceof Error && 'code' in error)) throw error
        // The connection was refused or closed: not acknowledged.
        refused++
        return
      }
    }
  })
  await until('some to be published', () => acknowledged.length > 300)
  server.signal('SIGTERM')
  expect((await ended()).exit).toBe(0)
  await Promise.all(publishers)
  expect(refused).toBe(16)
  await server.start()
  const reader = await follow('/events/work?since=earliest&envelope=1')
  const newest = Math.max(...acknowledged.map(({ cursor }) => Number(cursor.split('.')[1])))
  await until('all of them', () => reader.events.some((event) => Number(event.id?.split('.')[1]) >= newest))
  const kept = new Map(reader.events.map((event) => [JSON.parse(event.data).id as string, event.id]))
  expect(acknowledged.filter(({ id, cursor }) => kept.get(id) !== cursor)).toEqual([])
})

const AS_PID_1 = ['unshare', '--pid', '--fork', '--kill-child']
const canUnshare = Bun.which('unshare') !== null && Bun.spawnSync([...AS_PID_1, 'true']).exitCode === 0
if (!canUnshare) console.warn('skipped: no PID namespaces here (unshare --pid needs root)')

test.skipIf(!canUnshare)('as PID 1, which ignores signals it does not ask for, SIGTERM ends it too', async () => {
  server = await Executable.serve({ MCP_SSE_DRAIN_TIMEOUT: LONG_DRAIN }, freePort(), AS_PID_1)
  const reader = await follow('/events')
  expect(readFileSync(join(server.dataDir, 'lock.pid'), 'utf8')).toBe('1\n')
  const inner = Number(readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8'))
  process.kill(inner, 'SIGTERM')
  const { exit, ms } = await ended()
  expect(exit).toBe(0)
  expect(ms).toBeLessThan(NOT_HELD_UP_MS)
  await reader.over()
  expect(reader.control('$closing')).toMatchObject([{ reason: 'shutdown' }])
})
