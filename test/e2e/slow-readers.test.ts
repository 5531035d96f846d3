import { afterEach, describe, expect, test } from 'bun:test'
import { Executable } from '../support/executable.ts'
import { Follower } from '../support/follower.ts'
import { openSockets, residentBytes } from '../support/process.ts'
import { StallingReader } from '../support/stalling-reader.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024
/** Above what the kernel takes for a socket that is not read: `tcp_wmem` 4 MiB and what the receiver has room for. */
const MORE_THAN_A_SOCKET_HOLDS = 24 * MIB
const STALL_MS = 3_000
/** The stall, the sweep's second, the backstop, the seconds Bun's timeout takes (1.5-3.7 measured), a busy machine. */
const FREED_WITHIN_MS = STALL_MS + 1_000 + 5_000 + 4_000 + 5_000

let server: Executable
const followers: Follower[] = []
const readers: StallingReader[] = []
afterEach(async () => {
  for (const follower of followers.splice(0)) follower.stop()
  for (const reader of readers.splice(0)) reader.hangUp()
  await server?.remove()
})

async function follow(path: string, headers: Record<string, string> = {}): Promise<Follower> {
  // Of data that is large only the number it begins with is kept.
  const keep = (message: { data: string }) => ({ ...message, data: message.data.slice(0, 200) })
  const follower = await Follower.open(server.url + path, { headers, keep })
  followers.push(follower)
  return follower.opened()
}

async function stalled(path: string, needle?: string): Promise<StallingReader> {
  const reader = await StallingReader.stalled(server.port, path, needle)
  readers.push(reader)
  return reader
}

/** One request with `count` events of `bytes` each, whose data begins with their number from `first` on. */
async function publish(topic: string, first: number, count: number, bytes: number): Promise<void> {
  const padding = 'x'.repeat(bytes)
  const events = Array.from({ length: count }, (_, index) => ({ topic, data: `${first + index} ${padding}` }))
  const response = await fetch(`${server.url}/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(events),
  })
  expect({ status: response.status, text: (await response.text()).slice(0, 200) }).toMatchObject({ status: 201 })
}

async function publishMuch(topic: string, bytes: number): Promise<void> {
  const events = 30
  const each = 240 * 1024
  for (let sent = 0; sent < bytes; sent += events * each) await publish(topic, sent / each, events, each)
}

function numbers(follower: Follower): number[] {
  return follower.events.map((event) => Number.parseInt(event.data, 10))
}

/** The milliseconds in which a publish has reached `probe`, the middle one of `rounds`. */
async function latency(probe: Follower, rounds: number): Promise<number> {
  const taken: number[] = []
  for (let round = 0; round < rounds; round++) {
    const before = probe.events.length
    const started = performance.now()
    await fetch(`${server.url}/events/probe`, { method: 'POST', body: 'now' })
    while (probe.events.length === before) {
      if (performance.now() - started > 10_000) throw new Error('A probe did not arrive in 10 s.')
      await Bun.sleep(1)
    }
    taken.push(performance.now() - started)
  }
  return taken.sort((a, b) => a - b)[rounds >> 1]!
}

/** Publishes until no socket can hold it, then sees the reader's descriptor freed while the client keeps its end. */
async function expectCutOff(reader: StallingReader, before: number, probe: Follower): Promise<void> {
  const read = reader.bytes
  const started = performance.now()
  await until('the stalled reader’s descriptor to be freed', () => openSockets(server.pid) === before, FREED_WITHIN_MS)
  expect(performance.now() - started).toBeGreaterThan(STALL_MS - 1_000)
  // It took nothing all the while, and never hung up.
  expect(reader.bytes).toBe(read)
  expect(reader.closed).toBe(false)
  expect(probe.ended).toBe('no')
}

describe('healthy readers', () => {
  test('8 MiB batches and bursts reach every one of them whole, in order, without an end', async () => {
    server = await Executable.serve({ MCP_SSE_STREAM_MAX_STALL: '10s' })
    const healthy = await Promise.all(['/events', '/events/big', '/events/**', '/events/*'].map((path) => follow(path)))
    let sent = 0
    for (const [count, bytes] of [
      [33, 248 * 1024],
      [1_000, 8_000],
      [33, 248 * 1024],
      [250, 32_000],
    ] as const) {
      await publish('big', sent, count, bytes)
      sent += count
    }
    for (let burst = 0; burst < 20; burst++) {
      await Promise.all([publish('big', sent, 200, 1_000)])
      sent += 200
    }
    const all = Array.from({ length: sent }, (_, number) => number)
    for (const reader of healthy) {
      await until(`all ${sent} events`, () => reader.events.length >= sent, 60_000)
      expect(numbers(reader)).toEqual(all)
      expect(reader.messages.filter((message) => message.event?.startsWith('$')).map(({ event }) => event)).toEqual([
        '$open',
      ])
    }
  })

  test('do not wait for 20 stalled ones, which cost bounded memory while 200 MB go by', async () => {
    server = await Executable.serve({ MCP_SSE_STREAM_MAX_STALL: '10m' })
    await publishMuch('warm', 64 * MIB)
    const before = residentBytes(server.pid)
    const healthy = await Promise.all([follow('/events/noise'), follow('/events')])
    await Promise.all(Array.from({ length: 20 }, () => stalled('/events')))
    let most = 0
    const watch = setInterval(() => {
      most = Math.max(most, residentBytes(server.pid))
    }, 50)
    await publishMuch('noise', 200 * MIB)
    const sent = healthy[0]!
    const count = Math.ceil((200 * MIB) / (30 * 240 * 1024)) * 30
    for (const reader of healthy) await until('all of it', () => reader.events.length >= count, 60_000)
    clearInterval(watch)
    expect(numbers(sent)).toEqual(Array.from({ length: count }, (_, number) => number))
    console.log('RSS', before / MIB, most / MIB, residentBytes(server.pid) / MIB)
  })
})

describe('a reader that stops reading is cut off, frees its descriptor and delays nobody', () => {
  async function start(more: Record<string, string> = {}): Promise<{ probe: Follower; sockets: number }> {
    server = await Executable.serve({ MCP_SSE_STREAM_MAX_STALL: `${STALL_MS}ms`, ...more })
    const probe = await follow('/events/probe')
    // The probe's publisher keeps one connection alive.
    await latency(probe, 3)
    return { probe, sockets: openSockets(server.pid) }
  }

  test('when it was live', async () => {
    const { probe, sockets } = await start()
    const reader = await stalled('/events/noise')
    expect(openSockets(server.pid)).toBe(sockets + 1)
    await publishMuch('noise', MORE_THAN_A_SOCKET_HOLDS)
    expect(await latency(probe, 21)).toBeLessThan(200)
    await expectCutOff(reader, sockets, probe)
  })

  test('when it was catching up', async () => {
    const { probe, sockets } = await start()
    await publishMuch('noise', MORE_THAN_A_SOCKET_HOLDS)
    const reader = await stalled('/events/noise?since=earliest')
    expect(openSockets(server.pid)).toBe(sockets + 1)
    expect(await latency(probe, 21)).toBeLessThan(200)
    await expectCutOff(reader, sockets, probe)
  })
})
