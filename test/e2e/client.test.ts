import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import type { Browser, BrowserContext } from 'playwright-core'
import { blankSite } from '../support/blank-site.ts'
import { findChromium, NO_CHROMIUM, startChromium } from '../support/chromium.ts'
import { ClientPage, type ClientPageOptions } from '../support/client-page.ts'
import { Executable } from '../support/executable.ts'
import { FaultyProxy } from '../support/faulty-proxy.ts'
import { freePort } from '../support/port.ts'
import { until } from '../support/until.ts'

const chromium = findChromium()
if (!chromium) console.warn(NO_CHROMIUM)

declare global {
  interface Window {
    heartbeats: number
  }
}

/** Runs in the page before all else. */
function countHeartbeats(): void {
  window.heartbeats = 0
  window.EventSource = class extends EventSource {
    constructor(...address: ConstructorParameters<typeof EventSource>) {
      super(...address)
      this.addEventListener('$heartbeat', () => window.heartbeats++)
    }
  }
}

describe.skipIf(!chromium)('/client.js, in Chromium', () => {
  let browser: Browser
  let context: BrowserContext
  let server: Executable
  let proxy: FaultyProxy
  const site = blankSite()

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
    server = await Executable.serve({ MCP_SSE_STREAM_RETRY: '100ms', ...env })
    proxy = new FaultyProxy(server.port, freePort())
    context = await browser.newContext()
  }

  /** The module comes straight from the hub; its streams pass the proxy. */
  function open(options: ClientPageOptions = {}): Promise<ClientPage> {
    return ClientPage.open(context, site.url.href, `${server.url}/client.js`, { url: proxy.url, ...options })
  }

  async function publish(from: number, to: number, topic = 'count'): Promise<void> {
    for (let number = from; number <= to; number++) {
      const answer = await fetch(`${server.url}/events/${topic}?id=n${number}`, { method: 'POST', body: `${number}` })
      if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
    }
  }

  const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

  test('a proxy that answers 502, and nobody at all, are outlived without missing or repeating an event', async () => {
    await start()
    const page = await open({ topics: ['count'] })
    await page.state('live')
    await publish(1, 3)
    for (const [index, fault] of (['502', 'refuse', '502'] as const).entries()) {
      const from = 4 + index * 3
      const met = proxy.met['502']
      proxy.fault = fault
      await page.state('reconnecting')
      if (fault === '502') await until('the 502', () => proxy.met['502'] > met + 1)
      await publish(from, from + 2)
      proxy.fault = 'pass'
      await page.state('live')
    }
    await publish(13, 13)
    expect(await page.received(13)).toEqual(numbers(1, 13))
    const told = await page.told()
    expect(told.states.filter(({ name }) => name === 'live')).toHaveLength(4)
    expect(told.events[0]).toMatchObject({ id: 'n1', topic: 'count', type: 'message' })
    expect(await page.page.evaluate(() => window.stream.cursor)).toBe(told.events.at(-1)!.cursor)
  })

  test('at the cap it waits as long as the hub says and comes in when there is room', async () => {
    await start({ MCP_SSE_LIMITS_CONNECTIONS: '1' })
    const other = new AbortController()
    const taken = await fetch(`${server.url}/events`, { signal: other.signal })
    const page = await open({ topics: ['count'], since: 'earliest' })
    await page.state('reconnecting')
    await publish(1, 2)
    const waiting = (await page.told()).states.at(-1)!
    expect(waiting.detail.reason).toBe('too-many-connections')
    expect(waiting.detail.retryMs).toBeLessThan(1000)
    other.abort()
    await taken.text().catch(() => {})
    expect(await page.received(2)).toEqual([1, 2])
  })

  test('streams that end by age are followed by others, and the page gets every event once', async () => {
    await start({ MCP_SSE_STREAM_MAX_AGE: '1s' })
    const page = await open({ topics: ['count'] })
    await page.state('live')
    const ages = async () => (await page.told()).states.filter(({ detail }) => detail.reason === 'max-age').length
    let published = 0
    await until(
      'three ends by age',
      async () => {
        published++
        await publish(published, published)
        return (await ages()) >= 3
      },
      60_000,
    )
    expect(await page.received(published)).toEqual(numbers(1, published))
  })

  test('a connection that is only half there is noticed by its silence', async () => {
    await start({ MCP_SSE_STREAM_HEARTBEAT: '500ms' })
    // The time of the page goes when it is told to: a hub that was slow for a second would else be a silent one.
    await context.clock.install()
    await context.addInitScript(countHeartbeats)
    const page = await open({ topics: ['count'] })
    await page.state('live')
    await page.page.clock.pauseAt(Date.now() + 3_600_000)
    await publish(1, 1)
    await page.received(1)
    const heartbeats = () => page.page.evaluate(() => window.heartbeats)
    // Quiet, but alive: heartbeats are enough.
    for (let seconds = 0; seconds < 10; seconds++) {
      const before = await heartbeats()
      await until('a heartbeat', async () => (await heartbeats()) > before)
      await page.page.clock.runFor(1_000)
    }
    expect(await page.states()).toEqual(['connecting', 'live'])
    proxy.fault = 'silent'
    await publish(2, 3)
    await until('the page to notice', async () => {
      await page.page.clock.runFor(1_000)
      return (await page.states()).at(-1) === 'reconnecting'
    })
    expect((await page.told()).states.at(-1)?.detail.reason).toBe('silent')
    proxy.fault = 'pass'
    await page.page.clock.resume()
    expect(await page.received(3)).toEqual([1, 2, 3])
  })

  test('a cursor of another hub is told as a gap', async () => {
    await start()
    const page = await open({ topics: ['count'], since: 'another.7' })
    await until('the gap', async () => (await page.told()).gaps.length === 1)
    const { gaps } = await page.told()
    expect(gaps[0]).toMatchObject({ requested: 'another.7', reason: 'unknown' })
    await publish(1, 1)
    expect(await page.received(1)).toEqual([1])
  })

  test('what the hub refuses is told with its sentence and not asked again', async () => {
    await start()
    const page = await open({ topics: ['count/*x'] })
    await page.state('refused')
    const { name, detail } = (await page.told()).states.at(-1)!
    expect([name, detail.status, detail.code]).toEqual(['refused', 400, 'invalid-pattern'])
    expect(String(detail.detail)).toContain('*')
    const asked = proxy.met.pass
    await Bun.sleep(1_500)
    expect(proxy.met.pass).toBe(asked)
  })

  test('one topic may be given as text, and so may one type', async () => {
    await start()
    const page = await open({ topics: 'count/*', types: 'message' })
    await page.state('live')
    const { detail } = (await page.told()).states.at(-1)!
    expect([detail.topics, detail.types]).toEqual([['count/*'], ['message']])
  })

  test('a page that does not ask for states finds the hub’s sentence in the console', async () => {
    await start()
    const page = await context.newPage()
    const said: string[] = []
    page.on('console', (message) => said.push(message.text()))
    await page.goto(site.url.href)
    await page.evaluate(async (module) => {
      const { connect } = await import(module)
      connect({ topics: ['count/*x'], event() {} })
    }, `${server.url}/client.js`)
    await until('the sentence', () => said.some((line) => line.includes('must be a whole segment')))
  })

  test('closed, it says so once and hears nothing more', async () => {
    await start()
    const page = await open({ topics: ['count'] })
    await page.state('live')
    await page.page.evaluate(() => {
      window.stream.close()
      window.stream.close()
    })
    await publish(1, 1)
    const witness = await open({ topics: ['count'], last: 1 })
    await witness.received(1)
    expect(await page.states()).toEqual(['connecting', 'live', 'closed'])
    expect(await page.data()).toEqual([])
  })

  describe('tabs of one site', () => {
    async function oneStream(): Promise<void> {
      await until('one stream', () => proxy.streams === 1)
    }

    /** So many tabs, live on one stream. */
    async function sharing(tabs: number): Promise<ClientPage[]> {
      const pages: ClientPage[] = []
      while (pages.length < tabs) pages.push(await open({ topics: ['count'] }))
      for (const page of pages) await page.state('live')
      await oneStream()
      return pages
    }

    test('share one stream, and each gets every event once', async () => {
      await start()
      const pages = await sharing(3)
      await publish(1, 50)
      for (const page of pages) expect(await page.received(50)).toEqual(numbers(1, 50))
      expect(proxy.streams).toBe(1)
      for (const page of pages) expect(await page.states()).toEqual(['connecting', 'live'])
    })

    test('go on when the leading tab is closed: nothing lost, nothing twice', async () => {
      await start()
      const pages = await sharing(4)
      let published = 0
      while (pages.length > 1) {
        const publishing = publish(published + 1, published + 60)
        await until('some', async () => (await pages[0]!.told()).events.length > published + 10)
        await pages.shift()!.page.close()
        await publishing
        published += 60
        for (const page of pages) expect(await page.received(published)).toEqual(numbers(1, published))
        await oneStream()
      }
    })

    test('one that joins late gets what it asked for first, and then the shared stream', async () => {
      await start()
      const first = await open({ topics: ['count'] })
      await first.state('live')
      await publish(1, 10)
      await first.received(10)
      const publishing = publish(11, 60)
      const late = await open({ topics: ['count'], last: 5 })
      await publishing
      await first.received(60)
      const got = await until('the end', async () => ((await late.data()).at(-1) === 60 ? late.data() : undefined))
      const start5 = got[0] as number
      expect(got).toEqual(numbers(start5, 60))
      expect(start5).toBeGreaterThanOrEqual(6)
      await oneStream()
    })

    test('have streams of their own when they listen to something else, or do not want to share', async () => {
      await start()
      const count = await open({ topics: ['count'] })
      const other = await open({ topics: ['other'] })
      const alone = await open({ topics: ['count'], share: false })
      for (const page of [count, other, alone]) await page.state('live')
      await publish(1, 5)
      await publish(1, 1, 'other')
      expect(await count.received(5)).toEqual(numbers(1, 5))
      expect(await alone.received(5)).toEqual(numbers(1, 5))
      expect(await other.received(1)).toEqual([1])
      expect(proxy.streams).toBe(3)
    })

    test('come through a restart of the hub together, and share again', async () => {
      await start()
      const pages = await sharing(3)
      await publish(1, 10)
      for (const page of pages) await page.received(10)
      await server.kill('SIGKILL')
      for (const page of pages) await page.state('reconnecting')
      await server.start()
      await publish(11, 20)
      for (const page of pages) expect(await page.received(20, 40_000)).toEqual(numbers(1, 20))
      await publish(21, 30)
      for (const page of pages) expect(await page.received(30)).toEqual(numbers(1, 30))
      await oneStream()
    })

    test('each is told of a gap', async () => {
      await start({ MCP_SSE_DURABILITY: 'memory' })
      const pages = [await open({ topics: ['count'] }), await open({ topics: ['count'] })]
      for (const page of pages) await page.state('live')
      await oneStream()
      await publish(1, 5)
      for (const page of pages) await page.received(5)
      await server.kill('SIGKILL')
      await server.start()
      for (const page of pages) await until('the gap', async () => (await page.told()).gaps.length === 1)
      await oneStream()
      await publish(6, 8)
      for (const page of pages) expect(await page.received(8)).toEqual(numbers(1, 8))
    })
  })
})
