import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { resolve } from 'node:path'
import type { Socket } from 'bun'
import { Executable } from '../support/executable.ts'
import { Follower } from '../support/follower.ts'
import { type Health, HealthProbe } from '../support/health-probe.ts'
import type { Knocks } from '../support/knocking-process.ts'
import { openSockets, residentBytes } from '../support/process.ts'
import { rawRequest } from '../support/raw-request.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024
const KNOCKING = resolve(import.meta.dir, '../support/knocking-process.ts')
/** Bodies have 30 s; Bun closes a socket whose first request has no whole head in 12 s, whatever trickles in (1.4.5). */
const BODY_MS = 30_000
const HEAD_MS = 12_000
/** What a busy machine adds. Broken is: never. */
const SLACK_MS = 30_000
/** In every comparison; fewer say nothing. */
const PROBES = 6

/**
 * The attack is not what the healthy readers wait for: a probe that waited for slow bodies, or for the attackers to give
 * up, would take their 12 to 30 s. A probe of a quiet server takes 2 to 5 ms, and one may meet whatever else the machine
 * does: with both cores taken by others, 2 s were seen. One that takes a minute is refused by the probe itself.
 */
function expectNoDelay(quiet: Health, attacked: Health, growthMib: number): void {
  expect(attacked.probes).toBeGreaterThanOrEqual(PROBES)
  expect(attacked.median).toBeLessThan(10_000)
  expect((attacked.resident - quiet.resident) / MIB).toBeLessThan(growthMib)
}

/** A client that sends a head at once and then a byte a second, until the server has had enough. */
class Trickle {
  answer = ''
  closedAfterMs: number | undefined
  #socket: Socket | undefined

  static async start(port: number, head: string, drop: string): Promise<Trickle> {
    const trickle = new Trickle()
    const started = performance.now()
    const ended = (): void => {
      trickle.closedAfterMs ??= performance.now() - started
      clearInterval(timer)
    }
    trickle.#socket = await Bun.connect({
      hostname: '127.0.0.1',
      port,
      socket: {
        data: (_, bytes) => {
          trickle.answer += bytes.toString('latin1')
        },
        close: ended,
        error: ended,
      },
    })
    trickle.#socket.write(head)
    const timer = setInterval(() => trickle.#socket?.write(drop), 1_000)
    return trickle
  }

  stop(): void {
    this.#socket?.terminate()
  }
}

describe('while it is attacked, a hub delivers as before', () => {
  let server: Executable
  let probe: HealthProbe
  let quiet: Health
  beforeAll(async () => {
    server = await Executable.serve({ MCP_SSE_LIMITS_CONNECTIONS: '200' })
    probe = await HealthProbe.open(server, 20)
    // Code is compiled and caches fill in the first of the two.
    await probe.during(Bun.sleep(1_500))
    quiet = await probe.during(Bun.sleep(2_000))
  })
  afterAll(async () => {
    probe?.close()
    await server?.remove()
  })

  test('200 bodies that come a byte a second are answered 408 in 30 s, 100 heads that do are closed in 12 s', async () => {
    const host = `host: 127.0.0.1:${server.port}`
    const bodies = [
      [`POST /events/slow HTTP/1.1\r\n${host}\r\ncontent-length: 5000\r\n\r\n`, 'x'],
      [`POST /events/slow HTTP/1.1\r\n${host}\r\ntransfer-encoding: chunked\r\n\r\n`, '1\r\nx\r\n'],
      [`POST /events HTTP/1.1\r\n${host}\r\ncontent-type: application/json\r\ncontent-length: 5000000\r\n\r\n`, ' '],
      [`POST /events HTTP/1.1\r\n${host}\r\ncontent-type: application/x-ndjson\r\ncontent-length: 900\r\n\r\n`, '\n'],
    ] as const
    const heads = [
      ['', 'G'],
      ['GET /', 'a'],
      [`GET /events HTTP/1.1\r\n${host}\r\n`, 'x'],
      [`GET /events HTTP/1.1\r\n${host}\r\nx-slow: `, 'x'],
    ] as const
    const start = (count: number, kinds: readonly (readonly [string, string])[]): Promise<Trickle[]> =>
      Promise.all(
        Array.from({ length: count }, (_, index) => Trickle.start(server.port, ...kinds[index % kinds.length]!)),
      )
    const slowBodies = await start(200, bodies)
    const slowHeads = await start(100, heads)
    const gone = (all: Trickle[], deadlineMs: number): Promise<unknown> =>
      until('every slow socket to be closed', () => all.every((each) => each.closedAfterMs !== undefined), deadlineMs)
    const attack = Promise.all([gone(slowHeads, HEAD_MS + SLACK_MS), gone(slowBodies, BODY_MS + SLACK_MS)])
    const attacked = await probe.during(attack)
    await attack
    for (const trickle of slowBodies) {
      expect(trickle.answer).toContain('HTTP/1.1 408 ')
      expect(trickle.answer).toContain('"code":"body-too-slow"')
    }
    for (const trickle of slowHeads) expect(trickle.answer).not.toContain('200 OK')
    expectNoDelay(quiet, attacked, 64)
    expect(probe.undisturbed).toBe(true)
  }, 150_000)

  test('a flood of headers is answered 431, by the thousand', async () => {
    const line = 'GET /livez HTTP/1.1'
    const host = `host: 127.0.0.1:${server.port}`
    const many = Array.from({ length: 250 }, (_, index) => `x-${index}: a`)
    const large = Array.from({ length: 18 }, (_, index) => `x-${index}: ${'a'.repeat(1_000)}`)
    const one = [`x: ${'a'.repeat(20_000)}`]
    const path = `GET /${'a'.repeat(20_000)} HTTP/1.1`
    const kinds = [
      [line, host, ...many],
      [line, host, ...large],
      [line, host, ...one],
      [path, host],
    ]
    const flood = async (): Promise<string[]> => {
      const answers: string[] = []
      const enough = probe.probes + PROBES
      for (let wave = 0; wave < 20 || probe.probes <= enough; wave++) {
        const heads = Array.from({ length: 50 }, (_, index) => kinds[index % kinds.length]!)
        answers.push(...(await Promise.all(heads.map((head) => rawRequest(server.port, head)))))
      }
      return answers
    }
    const answers = flood()
    const attacked = await probe.during(answers)
    expect(new Set((await answers).map((answer) => answer.slice(0, 12)))).toEqual(new Set(['HTTP/1.1 431']))
    expectNoDelay(quiet, attacked, 64)
    expect(probe.undisturbed).toBe(true)
  }, 60_000)

  test('20,000 attempts over the cap from two processes are each told to come back, and leave nothing behind', async () => {
    const held = await Promise.all(
      Array.from({ length: 180 }, async () => (await Follower.open(`${server.url}/events/held`)).opened()),
    )
    const idle = openSockets(server.pid)
    const knock = async (count: number, atOnce: number, perSecond: number): Promise<Knocks> => {
      const words = [count, atOnce, perSecond].map(String)
      const child = Bun.spawn([process.execPath, KNOCKING, String(server.port), ...words], {
        stdin: 'ignore',
        stdout: 'pipe',
        stderr: 'inherit',
      })
      const said = await new Response(child.stdout).text()
      return JSON.parse(said)
    }
    const fromTwo = async (count: number, atOnce: number, perSecond = 0): Promise<Health> => {
      const enough = probe.probes + PROBES
      const waves = async (): Promise<Knocks[]> => {
        const all: Knocks[] = []
        do all.push(...(await Promise.all([knock(count, atOnce, perSecond), knock(count, atOnce, perSecond)])))
        while (perSecond > 0 && probe.probes <= enough)
        return all
      }
      const attack = waves()
      const attacked = await probe.during(attack)
      for (const knocks of await attack) {
        expect(knocks).toMatchObject({ toldToComeBack: count, closed: 0, hung: 0, other: 0, firstOther: '' })
      }
      return attacked
    }
    expectNoDelay(quiet, await fromTwo(4_000, 100, 1_000), 128)
    // 10,000 a second is all that one core and two attackers on the other can do: what is in flight, up to 200 of them,
    // is in front of every probe, for its publish and for each of its readers. Nobody is thrown off, and they do come.
    const flatOut = await fromTwo(10_000, 100)
    expect((flatOut.resident - quiet.resident) / MIB).toBeLessThan(128)
    expect(probe.undisturbed).toBe(true)
    await until('their descriptors to be given back', () => openSockets(server.pid) <= idle + 2)
    for (const follower of held) follower.stop()
    await until('room for new streams', async () => {
      const follower = await (await Follower.open(`${server.url}/events/held`)).opened()
      follower.stop()
      return follower.control('$open').length > 0
    })
    await until('their memory to be given back', () => residentBytes(server.pid) < quiet.resident + 64 * MIB)
  }, 300_000)
})
