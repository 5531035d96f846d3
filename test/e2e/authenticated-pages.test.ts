import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { bearer } from '../support/access.ts'
import { findChromium, NO_CHROMIUM, startChromium } from '../support/chromium.ts'
import { ClientPage, type ClientPageOptions } from '../support/client-page.ts'
import { CountingPublisher } from '../support/counting-publisher.ts'
import { Crowd } from '../support/crowd.ts'
import { Executable } from '../support/executable.ts'
import { findNginx, Nginx, NO_NGINX, proxyPass } from '../support/nginx.ts'
import { freePort } from '../support/port.ts'
import { expectSecret, registerSecret, secret } from '../support/secrets.ts'
import { signedToken } from '../support/signed-token.ts'
import { until } from '../support/until.ts'

const chromium = findChromium()
const nginxThere = findNginx()
if (!chromium) console.warn(NO_CHROMIUM)
if (!nginxThere) console.warn(NO_NGINX)

declare global {
  interface Window {
    /** What a plain EventSource was told. */
    plain: { data: string[]; opened: number; closings: string[]; gaps: number; source: EventSource }
  }
}

const COOKIE = 'hub_session'
/** Clocks may differ by 10 s, so a token counts so much longer than it says. */
const LEEWAY_MS = 10_000
const PAGE = '<!doctype html><title>a page</title>'

describe.skipIf(!chromium || !nginxThere)('a page with a credential, in Chromium, behind nginx', () => {
  const key = secret('the key of the page’s backend')
  const signing = secret('the secret of tokens')
  let hubPort: number
  let browser: Browser
  let context: BrowserContext
  let nginx: Nginx
  let server: Executable
  let publisher: CountingPublisher
  let crowd: Crowd | undefined
  /** What the backend does with the next requests for a ticket. */
  let failures = 0
  let asked = 0
  /** Seconds that a ticket is said to live; `undefined`: what the hub says. */
  let said: number | undefined
  /** The next ticket lives for 2 s, and what is asked for after it fails twice. */
  let short = false

  /** The page's own backend: on an origin of its own, and below /app/ on the hub's. */
  const site = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    development: false,
    async fetch(request) {
      const { pathname, searchParams } = new URL(request.url)
      const headers = new Headers({ 'content-type': 'text/html; charset=utf-8' })
      if (pathname === '/app/ticket') return ticketFor(searchParams)
      if (pathname === '/app/login') headers.set('set-cookie', await cookieFor(Number(searchParams.get('for'))))
      return new Response(PAGE, { headers })
    },
  })

  beforeAll(async () => {
    browser = await startChromium(chromium!)
    hubPort = freePort()
    const app = `location /app/ { proxy_pass http://127.0.0.1:${site.port}; }`
    nginx = await Nginx.start(`${proxyPass(hubPort, { forwarded: true, host: '$http_host' })}\n${app}`)
  })
  afterAll(async () => {
    await browser?.close()
    await nginx?.stop()
    await site.stop(true)
  })
  beforeEach(() => {
    failures = 0
    asked = 0
    said = undefined
    short = false
  })
  afterEach(async () => {
    try {
      await crowd?.leave()
      await publisher?.stop()
    } finally {
      crowd = undefined
      await context?.close()
      await server?.remove()
    }
  })

  async function ticketFor(wanted: URLSearchParams): Promise<Response> {
    asked++
    if (failures > 0) {
      failures--
      return new Response('down for a moment', { status: 500 })
    }
    const body = JSON.stringify({ topics: ['count'], sub: 'alice', ttl: short ? 2 : Number(wanted.get('ttl')) })
    const answer = expectSecret(await fetch(`${server.url}/tickets`, { method: 'POST', headers: bearer(key), body }))
    let text = await answer.text()
    if (answer.ok) {
      const { ticket } = JSON.parse(text) as { ticket: string }
      registerSecret(ticket, 'a ticket')
      if (short) failures = 2
      else if (said) text = JSON.stringify({ ticket, expires: new Date(Date.now() + said * 1000).toISOString() })
    }
    short = false
    return new Response(text, { status: answer.status, headers: { 'content-type': 'application/json' } })
  }

  /** The token counts for `forMs` from now on. */
  async function cookieFor(forMs: number): Promise<string> {
    const token = await signedToken(signing, { grants: { subscribe: ['count'] }, endsInMs: forMs - LEEWAY_MS })
    return `${COOKIE}=${token}; Path=/; HttpOnly; Secure; SameSite=Strict`
  }

  async function start(env: Record<string, string> = {}): Promise<void> {
    const credentials = { MCP_SSE_AUTH_KEY: key, MCP_SSE_AUTH_JWT_SECRET: signing, MCP_SSE_AUTH_JWT_COOKIE: COOKIE }
    server = await Executable.serve({ MCP_SSE_STREAM_RETRY: '100ms', ...credentials, ...env }, hubPort)
    context = await browser.newContext()
  }

  /** A page of another origin, whose backend asks for tickets. */
  const withTicket = (seconds: number) => open(`${site.url}app/`, { tickets: `/app/ticket?ttl=${seconds}` })
  /** A page of the hub's own origin, whose backend sets a cookie. */
  const withCookie = (forMs: number) => open(`${nginx.url}/app/login?for=${forMs}`)

  async function open(address: string, options: ClientPageOptions = {}): Promise<ClientPage> {
    const wanted = { url: nginx.url, topics: ['count'], ...options }
    const page = await ClientPage.open(context, address, `${nginx.url}/client.js`, wanted)
    await page.state('live')
    return page
  }

  /** From the first number on, for pages that are there to hear it. */
  function count(): void {
    publisher = new CountingPublisher(`${server.url}/events/count`, bearer(key))
  }

  const reasons = async (page: ClientPage) => (await page.told()).states.map(({ detail }) => detail.reason)
  const times = async (page: ClientPage, reason: string) =>
    (await reasons(page)).filter((each) => each === reason).length
  const refusedByNginx = async () => (await nginx.requests()).match(/^GET \/events\S* 502 /gm)?.length ?? 0

  async function expectEverything(page: ClientPage): Promise<void> {
    const last = await publisher.stop()
    expect(last).toBeGreaterThan(20)
    expect(await page.received(last, 40_000)).toEqual(numbers(last))
    const { gaps, states } = await page.told()
    expect(gaps).toEqual([])
    expect(states.filter(({ name }) => name === 'refused')).toEqual([])
  }

  const numbers = (to: number) => Array.from({ length: to }, (_, index) => 1 + index)

  async function listen(page: Page, url: string, withCredentials: boolean): Promise<void> {
    await page.evaluate(
      ([address, cookies]) => {
        const source = new EventSource(address, { withCredentials: cookies })
        window.plain = { data: [], opened: 0, closings: [], gaps: 0, source }
        source.onopen = () => window.plain.opened++
        source.onmessage = ({ data }) => window.plain.data.push(data)
        source.addEventListener('$closing', ({ data }) => window.plain.closings.push(JSON.parse(data).reason))
        source.addEventListener('$gap', () => window.plain.gaps++)
      },
      [url, withCredentials] as const,
    )
    await until('the stream to open', () => page.evaluate(() => window.plain.opened > 0))
  }

  async function expectAllHeard(page: Page): Promise<void> {
    const last = await publisher.stop()
    await until('all events', () => page.evaluate((n) => window.plain.data.length >= n, last), 40_000)
    expect(await page.evaluate(() => window.plain.data)).toEqual(numbers(last).map(String))
    expect(await page.evaluate(() => window.plain.gaps)).toBe(0)
  }

  describe.each([
    ['a ticket', () => withTicket(600), 'too-many-connections', 'MCP_SSE_LIMITS_CONNECTIONS'],
    ['a cookie', () => withCookie(600_000), 'too-many-of-principal', 'MCP_SSE_LIMITS_CONNECTIONS_PER_PRINCIPAL'],
  ])('with %s', (_, openPage, reason, limit) => {
    test.each(['SIGKILL', 'SIGTERM'] as const)(
      'outlives a restart by %s and the 502s in between, and gets every event once',
      async (signal) => {
        await start()
        const page = await openPage()
        count()
        await until('some events', () => publisher.acknowledged > 20)
        const before = await refusedByNginx()
        await server.kill(signal)
        await until('a 502', async () => (await refusedByNginx()) > before)
        await page.state('reconnecting')
        await server.start()
        await page.state('live', 40_000)
        expect(await reasons(page)).toContain(signal === 'SIGTERM' ? 'shutdown' : 'lost')
        await expectEverything(page)
        expect(asked).toBeLessThanOrEqual(1)
      },
    )

    test(`refused at the cap (${reason}) because others were quicker, it comes in when they go and has missed nothing`, async () => {
      await start({ MCP_SSE_STREAM_MAX_AGE: '1s', [limit]: '2' })
      const page = await openPage()
      count()
      // Alice elsewhere: as many streams as there may be, whenever one ends.
      const token = await signedToken(signing, { grants: { subscribe: ['**'] } })
      crowd = new Crowd(4, `${server.url}/events/other`, { headers: bearer(token) })
      await until('the page to be refused twice', async () => (await times(page, reason)) >= 2, 60_000)
      const missed = publisher.acknowledged
      await until('more events', () => publisher.acknowledged > missed + 20)
      await crowd.leave()
      await until('the page to come in', async () => ((await page.data()).at(-1) as number) > missed)
      await expectEverything(page)
    })
  })

  test('a ticket that ends is replaced three times, also when the backend fails twice: nothing is missed', async () => {
    await start()
    // They count for much longer than the page is told: one that was slow for a second would else notice their end.
    said = 6
    const page = await withTicket(600)
    count()
    await until('two renewals', () => asked >= 3, 60_000)
    expect(await page.states()).toEqual(['connecting', 'live'])
    short = true
    await until(
      'the end of a ticket that nobody replaced in time',
      async () => (await times(page, 'ticket')) >= 1,
      60_000,
    )
    await until('it to be live again', async () => failures === 0 && (await page.states()).at(-1) === 'live')
    const renewed = asked
    await until('another renewal', () => asked > renewed)
    await expectEverything(page)
  })

  test('a cookie whose token ends is followed by the one the page’s backend sets next: nothing is missed', async () => {
    await start()
    // When one ends, the next has been there for almost as long: one that has ended too would be the end of the page.
    const page = await withCookie(8_000)
    count()
    await page.page.evaluate(() => setInterval(() => fetch('login?for=8000'), 400))
    await until('two ends', async () => (await times(page, 'credential-expired')) >= 2, 60_000)
    await expectEverything(page)
  })

  test('streams that are ended by age, with a ticket, with a cookie, and of a plain EventSource, go on and get every event once', async () => {
    await start({ MCP_SSE_STREAM_MAX_AGE: '1s' })
    const pages = [await withTicket(600), await withCookie(600_000)]
    const plain = await context.newPage()
    await plain.goto(`${nginx.url}/app/login?for=600000`)
    await listen(plain, '/events/count', false)
    count()
    for (const page of pages) await until('three ends', async () => (await times(page, 'max-age')) >= 3, 60_000)
    await until('three ends', () => plain.evaluate(() => window.plain.closings.length >= 3), 60_000)
    for (const page of pages) {
      await expectEverything(page)
      expect(new Set(await reasons(page))).toEqual(new Set([undefined, 'max-age']))
    }
    await expectAllHeard(plain)
    expect(new Set(await plain.evaluate(() => window.plain.closings))).toEqual(new Set(['max-age']))
  })

  test.each(['SIGKILL', 'SIGTERM'] as const)(
    'a plain EventSource with a cookie goes on after a restart by %s with nothing in between, from a page of an origin in CORS_ORIGIN',
    async (signal) => {
      // Cookies are of the host, whatever the port: to the hub itself another origin, one that is listed.
      await start({ CORS_ORIGIN: nginx.url })
      const page = await context.newPage()
      await page.goto(`${nginx.url}/app/login?for=600000`)
      await listen(page, `${server.url}/events/count`, true)
      count()
      await until('some events', () => publisher.acknowledged > 20)
      await server.kill(signal)
      await server.start()
      await until('it to be back', () => page.evaluate(() => window.plain.opened >= 2), 40_000)
      await expectAllHeard(page)
    },
  )
})
