import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Browser, Page } from 'playwright-core'
import { bearer } from '../../support/access.ts'
import { certificates } from '../../support/certificates.ts'
import { findChromium, NO_CHROMIUM, startChromium } from '../../support/chromium.ts'
import { ClientPage } from '../../support/client-page.ts'
import { CountingPublisher } from '../../support/counting-publisher.ts'
import { Executable } from '../../support/executable.ts'
import { FrontProxy, findProxy } from '../../support/front-proxy.ts'
import { NO_NGINX } from '../../support/nginx.ts'
import { freePort } from '../../support/port.ts'
import { ReaderCrowd } from '../../support/reader-crowd.ts'
import { secret } from '../../support/secrets.ts'
import { until } from '../../support/until.ts'

const chromium = findChromium()
const nginx = findProxy('nginx')
if (!chromium) console.warn(NO_CHROMIUM)
if (!nginx) console.warn(NO_NGINX)

const READERS = 1_000
const PUBLISH_PAUSE_MS = 50
/** Events that are published before each restart, and that everybody has after the last one. */
const EVENTS = 20
/** Seconds, where the machine has nothing else to do. */
const BACK_MS = 120_000

/** What an EventSource in the page was told. */
interface Listening {
  data: string[]
  /** `$open`s of the hub: what nginx answers in its place has none. */
  opened: number
  gaps: number
  gaveUp: boolean
}

declare global {
  interface Window {
    listening: Listening
  }
}

/** Inside the page. */
function listen(): void {
  const source = new EventSource('/events/count')
  const told: Listening = { data: [], opened: 0, gaps: 0, gaveUp: false }
  window.listening = told
  source.onmessage = ({ data }) => told.data.push(data)
  source.onerror = () => {
    told.gaveUp ||= source.readyState === EventSource.CLOSED
  }
  source.addEventListener('$open', () => told.opened++)
  source.addEventListener('$gap', () => told.gaps++)
}

describe.skipIf(!chromium || !nginx)('1,000 readers and a browser behind nginx', () => {
  const key = secret('the key of the publisher')
  const authority = certificates()
  let hub: Executable
  let front: FrontProxy
  let url: string
  let browser: Browser
  let plain: Page
  let client: ClientPage
  let crowd: ReaderCrowd
  let publisher: CountingPublisher | undefined

  beforeAll(async () => {
    const port = freePort()
    front = await FrontProxy.start('nginx', port, authority.issue('IP:127.0.0.1'))
    url = `https://127.0.0.1:${front.port}`
    const env = { MCP_SSE_AUTH_KEY: key, MCP_SSE_AUTH_ANONYMOUS_SUBSCRIBE: '**', MCP_SSE_PUBLIC_URL: url }
    hub = await Executable.serve(env, port)
    crowd = new ReaderCrowd(`${url}/events/count`, READERS)
    browser = await startChromium(chromium!, ['--ignore-certificate-errors'])
    const context = await browser.newContext()
    plain = await context.newPage()
    await plain.goto(url)
    await plain.evaluate(listen)
    client = await ClientPage.open(context, url, `${url}/client.js`, { topics: ['count'] })
    await client.state('live')
  })
  afterAll(async () => {
    await publisher?.stop().catch(() => {})
    await browser?.close()
    await crowd?.stop()
    await front?.stop()
    await hub?.remove()
    authority[Symbol.dispose]()
  })

  const listening = () => plain.evaluate(() => window.listening)
  const lives = async () => (await client.states()).filter((name) => name === 'live').length

  /** Everybody has been told by the hub, so many times, that their stream is open. */
  async function allBack(times: number): Promise<void> {
    const back = async () =>
      crowd.report.opened >= READERS * times && (await listening()).opened >= times && (await lives()) >= times
    await until(`all streams to be open for the ${times}. time`, back, BACK_MS).catch(async (error) => {
      throw new Error(`${JSON.stringify(crowd.report)} ${await lives()} ${(await listening()).opened}`, {
        cause: error,
      })
    })
  }

  test('three restarts, one of them by kill -9, while publishing goes on: no event is missing and none comes twice', async () => {
    await allBack(1)
    await plain.evaluate(() => fetch('/livez').then((answer) => answer.text()))
    const protocol = await until('what the browser speaks', () =>
      plain.evaluate(() => {
        const entries = performance.getEntriesByType('resource') as PerformanceResourceTiming[]
        return entries.find(({ name }) => name.endsWith('/livez'))?.nextHopProtocol
      }),
    )
    expect(protocol).toBe('h2')

    publisher = new CountingPublisher(`${url}/events/count`, bearer(key), {
      ca: authority.ca,
      pauseMs: PUBLISH_PAUSE_MS,
    })
    for (const [index, signal] of (['SIGTERM', 'SIGKILL', 'SIGTERM'] as const).entries()) {
      const before = publisher.acknowledged
      await until('events', () => publisher!.acknowledged >= before + EVENTS)
      const asked = crowd.report.answered - crowd.report.opened
      await hub.kill(signal)
      // So long that nginx has to answer in its place, about once for each.
      await until(
        'nginx to have answered',
        () => crowd.report.answered - crowd.report.opened >= asked + READERS,
        BACK_MS,
      )
      await hub.start()
      await allBack(index + 2)
    }
    const last = await publisher.stop()
    if (process.env.SHOW) console.log(last, publisher.longestWaitMs, crowd.report)
    expect(last).toBeGreaterThanOrEqual(3 * EVENTS)

    const numbers = Array.from({ length: last }, (_, index) => index + 1)
    const hasAll = ({ least, open }: typeof crowd.report) => least >= last && open === READERS
    await until('the crowd to have all', () => hasAll(crowd.report), BACK_MS)
    expect(crowd.report).toMatchObject({ open: READERS, closed: 0, least: last, faults: [] })
    await until('the page to have all', async () => (await listening()).data.length >= last)
    expect(await listening()).toMatchObject({ data: numbers.map(String), gaps: 0, gaveUp: false })
    expect(await client.received(last)).toEqual(numbers)
    expect((await client.told()).gaps).toEqual([])
  }, 600_000)
})
