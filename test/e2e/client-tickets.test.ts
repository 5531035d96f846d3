import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import type { Browser, BrowserContext } from 'playwright-core'
import { blankPage } from '../support/blank-site.ts'
import { findChromium, NO_CHROMIUM, startChromium } from '../support/chromium.ts'
import { ClientPage, type ClientPageOptions } from '../support/client-page.ts'
import { Executable } from '../support/executable.ts'
import { FaultyProxy } from '../support/faulty-proxy.ts'
import { freePort } from '../support/port.ts'
import { until } from '../support/until.ts'

const chromium = findChromium()
if (!chromium) console.warn(NO_CHROMIUM)

const KEY = 'a-key-with-all-grants'

describe.skipIf(!chromium)('/client.js with tickets, in Chromium', () => {
  let browser: Browser
  let context: BrowserContext
  let server: Executable
  let proxy: FaultyProxy
  /** What the site's backend does with each request for a ticket, in order; the last one stays. */
  let answers: ((ticket: Record<string, string>) => Response)[] = []
  /** Seconds that the next tickets live, whatever the page asks for. */
  let ttl: number | undefined
  const give = (ticket: Record<string, string>) => Response.json(ticket)
  const site = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const { pathname, searchParams } = new URL(request.url)
      if (pathname !== '/ticket') return blankPage()
      const answer = await fetch(`${server.url}/tickets`, {
        method: 'POST',
        headers: { authorization: `Bearer ${KEY}` },
        body: JSON.stringify({
          topics: ['count'],
          sub: searchParams.get('sub'),
          ttl: ttl ?? Number(searchParams.get('ttl')),
        }),
      })
      if (!answer.ok) throw new Error(await answer.text())
      const next = answers.length > 1 ? answers.shift()! : answers[0]!
      return next((await answer.json()) as Record<string, string>)
    },
  })

  beforeAll(async () => {
    browser = await startChromium(chromium!)
  })
  afterAll(async () => {
    await browser?.close()
    await site.stop(true)
  })
  afterEach(async () => {
    await context?.close()
    proxy?.close()
    await server?.remove()
  })

  async function start(env: Record<string, string> = {}): Promise<void> {
    server = await Executable.serve({ MCP_SSE_STREAM_RETRY: '100ms', MCP_SSE_AUTH_KEY: KEY, ...env })
    proxy = new FaultyProxy(server.port, freePort())
    context = await browser.newContext()
    answers = [give]
    ttl = undefined
  }

  function open(sub: string, seconds: number, options: ClientPageOptions = {}): Promise<ClientPage> {
    const tickets = `/ticket?sub=${sub}&ttl=${seconds}`
    return ClientPage.open(context, site.url.href, `${server.url}/client.js`, { url: proxy.url, tickets, ...options })
  }

  async function publish(from: number, to: number): Promise<void> {
    for (let number = from; number <= to; number++) {
      const headers = { authorization: `Bearer ${KEY}` }
      const answer = await fetch(`${server.url}/events/count`, { method: 'POST', headers, body: `${number}` })
      if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
    }
  }

  const numbers = (to: number) => Array.from({ length: to }, (_, index) => 1 + index)
  const asked = (page: ClientPage) => page.page.evaluate(() => window.asked)

  test('one that is about to end is replaced: the page misses nothing and does not notice', async () => {
    await start()
    // It counts for much longer than the page is told: a page that was slow for a second would else notice its end.
    answers = [({ ticket }) => Response.json({ ticket, expires: new Date(Date.now() + 6_000).toISOString() })]
    const page = await open('alice', 600)
    await page.state('live')
    let published = 0
    await until(
      'three renewals',
      async () => {
        published++
        await publish(published, published)
        return (await asked(page)) >= 4
      },
      60_000,
    )
    expect(await page.received(published)).toEqual(numbers(published))
    expect(await page.states()).toEqual(['connecting', 'live'])
  })

  test('one whose end nobody told is replaced when the hub ends the stream', async () => {
    await start()
    const toldNoEnd = ({ ticket }: Record<string, string>) => {
      ttl = 600
      return Response.json({ ticket })
    }
    answers = [toldNoEnd]
    const page = await open('alice', 8)
    await page.state('live')
    await publish(1, 3)
    await until('the end of the ticket', async () =>
      (await page.told()).states.some(({ detail }) => detail.reason === 'credential-expired'),
    )
    await publish(4, 6)
    expect(await page.received(6)).toEqual(numbers(6))
    expect(await asked(page)).toBe(2)
  })

  test('one that is refused is replaced once; when the next is refused too, the page is told what the hub says', async () => {
    await start()
    const forged = () => Response.json({ ticket: 'eyJhbGciOiJub25lIn0.e30.' })
    answers = [forged, give]
    const page = await open('alice', 600)
    await page.state('live')
    expect(await asked(page)).toBe(2)
    answers = [forged]
    const refused = await open('alice', 600)
    await refused.state('refused')
    const { detail } = (await refused.told()).states.at(-1)!
    expect([detail.status, detail.code]).toEqual([401, 'credential-invalid'])
    expect(await asked(refused)).toBe(2)
    await Bun.sleep(1_500)
    expect(await asked(refused)).toBe(2)
  })

  test('a backend that fails is asked again', async () => {
    await start()
    const down = () => new Response('down', { status: 500 })
    answers = [down, down, give]
    const page = await open('alice', 600)
    await page.state('live')
    expect(await page.states()).toEqual(['connecting', 'reconnecting', 'reconnecting', 'live'])
    expect((await page.told()).states[1]?.detail.reason).toBe('ticket')
  })

  test('survives a restart of the hub, because tickets do', async () => {
    await start()
    const page = await open('alice', 600)
    await page.state('live')
    await publish(1, 3)
    await server.kill('SIGKILL')
    await page.state('reconnecting')
    await server.start()
    await publish(4, 6)
    expect(await page.received(6)).toEqual(numbers(6))
    expect(await asked(page)).toBe(1)
  })

  test('two tabs of one user share a stream, a tab of another user never does', async () => {
    await start()
    const alice = [await open('alice', 600), await open('alice', 600)]
    const bob = await open('bob', 600)
    for (const page of [...alice, bob]) await page.state('live')
    await until('two streams', () => proxy.streams === 2)
    await publish(1, 10)
    for (const page of [...alice, bob]) expect(await page.received(10)).toEqual(numbers(10))
    await alice[0]!.page.close()
    await publish(11, 20)
    for (const page of [alice[1]!, bob]) expect(await page.received(20)).toEqual(numbers(20))
    await until('two streams', () => proxy.streams === 2)
    expect((await bob.told()).states.at(-1)?.detail.principal).toBe('sub:bob')
  })
})
