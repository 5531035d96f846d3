import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { networkInterfaces } from 'node:os'
import type { Browser } from 'playwright-core'
import { bearer } from '../../support/access.ts'
import { certificates } from '../../support/certificates.ts'
import { findChromium, NO_CHROMIUM, startChromium } from '../../support/chromium.ts'
import { Curl } from '../../support/curl.ts'
import { Executable } from '../../support/executable.ts'
import { FrontProxy, findProxy, type ProxyName, SITE } from '../../support/front-proxy.ts'
import { freePort } from '../../support/port.ts'
import { secret } from '../../support/secrets.ts'
import { until } from '../../support/until.ts'

const chromium = findChromium()
if (!chromium) console.warn(NO_CHROMIUM)

/** An address of this machine that is not loopback, which counts for the limit of one address. */
const elsewhere = Object.values(networkInterfaces())
  .flat()
  .find((address) => address?.family === 'IPv4' && !address.internal)?.address

const STREAM = ['-H', 'Accept: text/event-stream']
const FOREIGN = ['-H', 'Origin: https://page.example']
/** Before the heartbeat, with which a proxy may let go what it holds. */
const AT_ONCE_MS = 10_000

describe.each(['nginx', 'Caddy', 'HAProxy'] as ProxyName[])('the recipe for %s', (name) => {
  const found = findProxy(name)
  if (!found) console.warn(`skipped: no ${name} on this machine (apt-get install ${name.toLowerCase()})`)

  describe.skipIf(!found)('as the page has it', () => {
    const key = secret('the key of the hub')
    let hub: Executable
    let front: FrontProxy
    const open: Curl[] = []

    beforeAll(async () => {
      using authority = certificates()
      const port = freePort()
      front = await FrontProxy.start(name, port, authority.issue(SITE))
      const env = {
        MCP_SSE_AUTH_KEY: key,
        MCP_SSE_AUTH_ANONYMOUS_SUBSCRIBE: '**',
        MCP_SSE_PUBLIC_URL: front.url,
        MCP_SSE_LIMITS_CONNECTIONS_PER_ADDRESS: '1',
        MCP_SSE_STREAM_RETRY: '100ms',
      }
      hub = await Executable.serve(env, port)
    })
    afterEach(async () => {
      for (const curl of open.splice(0)) await curl.stop()
    })
    afterAll(async () => {
      await front?.stop()
      await hub?.remove()
    })

    const ask = (path: string, ...args: string[]) => Curl.answer(front.port, path, args)
    function follow(path: string, ...args: string[]): Curl {
      const curl = new Curl(front.port, path, [...STREAM, ...args])
      open.push(curl)
      return curl
    }
    const publish = (topic: string, data: string) =>
      fetch(`${hub.url}/events/${topic}`, { method: 'POST', headers: bearer(key), body: data })
    const post = (topic: string) => ask(`/events/${topic}`, '-H', `Authorization: Bearer ${key}`, '-d', 'x')

    test('speaks HTTP/2 and hands each event on at once, though nothing follows it', async () => {
      const reader = follow('/events/at-once')
      await reader.has('$open')
      expect(reader.soFar).toMatchObject({ version: '2', status: 200 })
      expect(reader.soFar.headers.get('content-encoding')).toBeNull()
      for (const word of ['one', 'two', 'three']) {
        const before = performance.now()
        await publish('at-once', word)
        await reader.has(`data: ${word}\n\n`)
        expect(performance.now() - before).toBeLessThan(AT_ONCE_MS)
      }
    })

    test('passes a batch of 5 MiB on, and refuses more than the hub takes', async () => {
      const batch = (kilobytes: number) =>
        JSON.stringify(Array.from({ length: 100 }, () => ({ topic: 'large', data: 'x'.repeat(kilobytes * 10.24) })))
      const send = (body: string) =>
        fetch(`https://127.0.0.1:${front.port}/events`, {
          method: 'POST',
          headers: { ...bearer(key), 'content-type': 'application/json', host: `${SITE}:${front.port}` },
          body,
          tls: { rejectUnauthorized: false, serverName: SITE },
        })
      const taken = await send(batch(5_120))
      expect(taken.status).toBe(201)
      expect(((await taken.json()) as { events: unknown[] }).events).toHaveLength(100)
      // Caddy says 502 when the hub closed while it was still sending.
      expect((await send(batch(8_600))).status).toBeOneOf(name === 'Caddy' ? [413, 502] : [413])
    })

    test.skipIf(!elsewhere)('tells the hub the address of the client, whatever that one claims', async () => {
      const from = ['--interface', elsewhere!]
      await follow('/events/address', ...from).has('$open')
      const second = await ask('/events/address', ...STREAM, ...from, '-H', 'X-Forwarded-For: 198.51.100.7')
      expect(second.status).toBe(200)
      expect(second.body).toContain('too-many-of-address')
      // From loopback there is no limit.
      await follow('/events/address').has('$open')
      await follow('/events/address').has('$open')
    })

    test('sends a POST once, though the hub takes it and is gone before it answers', async () => {
      using authority = certificates()
      const taken: string[] = []
      const dying = Bun.listen({
        hostname: '127.0.0.1',
        port: freePort(),
        socket: {
          data(socket, bytes) {
            taken.push(bytes.toString('latin1').split(/[ \r]/, 1)[0]!)
            socket.terminate()
          },
        },
      })
      const other = await FrontProxy.start(name, dying.port, authority.issue(SITE))
      try {
        // Over HTTP/2 HAProxy 2.6 ends the stream with REFUSED_STREAM, and curl asks again: the page says so.
        const answer = await Curl.answer(other.port, '/events/once', [
          ...(name === 'HAProxy' ? ['--http1.1'] : []),
          '-d',
          'x',
        ])
        expect([502, 503]).toContain(answer.status)
        expect(taken).toEqual(['POST'])
      } finally {
        await other.stop()
        dying.stop(true)
      }
    })

    test('writes no ticket into a log', async () => {
      const answer = await ask('/events?ticket=mcpsse_not_a_real_ticket', ...STREAM)
      expect(answer.status).toBe(401)
      expect(await front.written()).not.toContain('not_a_real_ticket')
    })

    test('answers for a hub that was killed: streams are to come back, all else is refused for now; then a reader resumes', async () => {
      const reader = follow('/events/away')
      await reader.has('$open')
      await publish('away', 'before')
      const cursor = /id: (\S+)\ndata: before\n/.exec(await reader.has('data: before\n\n'))![1]!
      await publish('away', 'missed')
      await hub.kill('SIGKILL')

      const asked = await Promise.all(
        [1, 2, 3].map(() => ask('/events/away?ticket=mcpsse_a_ticket', ...STREAM, ...FOREIGN)),
      )
      for (const { status, headers, body } of asked) {
        expect(status).toBe(200)
        expect(headers.get('content-type')).toBe('text/event-stream')
        expect(headers.get('cache-control')).toBe('no-store')
        expect(headers.get('access-control-allow-origin')).toBe('https://page.example')
        expect(headers.get('access-control-allow-credentials')).toBe('true')
        expect(body).toMatch(/^retry: 1\d{3}\n\n$/)
      }
      expect(new Set(asked.map(({ body }) => body)).size).toBeGreaterThan(1)
      expect((await ask('/events', ...STREAM)).headers.get('access-control-allow-origin')).toBeNull()

      const refusals = await Promise.all([
        post('away'),
        ask('/events?format=json'),
        ask('/events', '-H', 'Accept: application/x-ndjson'),
        ask('/topics', ...STREAM),
        ask('/mcp', ...STREAM),
        ask('/mcp', ...STREAM, '-H', 'Content-Type: application/json', '-d', '{}'),
      ])
      for (const { status, headers } of refusals) {
        expect([502, 503]).toContain(status)
        expect(headers.get('retry-after')).toBe('2')
      }
      expect(await front.written()).not.toContain('mcpsse_a_ticket')

      await hub.start()
      const resumed = follow('/events/away', '-H', `Last-Event-ID: ${cursor}`)
      await resumed.has('data: missed\n\n')
      await publish('away', 'after')
      const body = await resumed.has('data: after\n\n')
      expect([...body.matchAll(/^data: (\w+)$/gm)].map(([, word]) => word)).toEqual(['missed', 'after'])
    })

    test('lets through what a hub that is stopping says itself', async () => {
      await hub.kill('SIGTERM')
      const port = Number(new URL(hub.url).port)
      const stopping = await Executable.serve({ MCP_SSE_AUTH_KEY: key, MCP_SSE_DRAIN_DELAY: '30s' }, port)
      try {
        stopping.signal('SIGTERM')
        await until('the drain to begin', async () => (await fetch(`${hub.url}/readyz`)).status === 503)
        const own = await fetch(`${hub.url}/readyz`)
        const through = await ask('/readyz')
        expect([through.status, through.body]).toEqual([503, await own.text()])
      } finally {
        await stopping.remove()
        await hub.start()
      }
    })

    describe.skipIf(!chromium)('in Chromium', () => {
      let browser: Browser
      const site = Bun.serve({
        port: 0,
        hostname: '127.0.0.1',
        development: false,
        fetch: () => new Response('<!doctype html>', { headers: { 'content-type': 'text/html' } }),
      })
      beforeAll(async () => {
        const args = ['--ignore-certificate-errors', `--host-resolver-rules=MAP ${SITE} 127.0.0.1`]
        browser = await startChromium(chromium!, args)
      })
      afterAll(async () => {
        await browser?.close()
        await site.stop(true)
      })

      test('an EventSource of another origin is still there when the hub comes back, and has missed nothing', async () => {
        const page = await browser.newPage()
        await page.goto(site.url.href)
        await page.evaluate((url) => {
          const source = new EventSource(url)
          const heard: string[] = []
          const states: number[] = []
          Object.assign(window, { heard, states, source })
          source.onopen = () => states.push(source.readyState)
          source.onerror = () => states.push(source.readyState)
          source.onmessage = ({ data }) => heard.push(data)
        }, `${front.url}/events/page`)
        const states = () => page.evaluate(() => (window as unknown as { states: number[] }).states)
        const heard = () => page.evaluate(() => (window as unknown as { heard: string[] }).heard)
        await until('the stream to open', async () => (await states()).includes(1))
        await publish('page', 'before')
        await until('the first', async () => (await heard()).length === 1)
        await hub.kill('SIGKILL')
        // Opened once by the hub, and once by the proxy in its place.
        await until('the answer of the proxy', async () => (await states()).filter((one) => one === 1).length > 1)
        await hub.start()
        await publish('page', 'after')
        await until('the second', async () => (await heard()).length === 2)
        expect(await heard()).toEqual(['before', 'after'])
        expect(await states()).not.toContain(2)
      })
    })
  })
})
