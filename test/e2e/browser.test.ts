import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Browser, Page } from 'playwright-core'
import { blankSite } from '../support/blank-site.ts'
import { findChromium, NO_CHROMIUM, startChromium } from '../support/chromium.ts'
import { Executable } from '../support/executable.ts'
import { examples } from '../support/github.ts'
import { until } from '../support/until.ts'

/** One message as an EventSource hands it over. */
interface Message {
  type: string
  data: string
  lastEventId: string
}

declare global {
  interface Window {
    source: EventSource
    messages: Message[]
    opened: number
  }
}

const chromium = findChromium()
if (!chromium) console.warn(NO_CHROMIUM)

describe.skipIf(!chromium)('EventSource in Chromium, on a page of a development server', () => {
  let browser: Browser
  let server: Executable
  // Another origin than the hub's: everything here passes CORS as a developer's own page must.
  const site = blankSite()

  beforeAll(async () => {
    browser = await startChromium(chromium!)
    server = await Executable.serve()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.remove()
    await site.stop(true)
  })

  /** A page that listens to `path` for `types`; resolves when the stream is open. */
  async function listen(path: string, types: string[] = ['message']): Promise<Page> {
    const page = await browser.newPage()
    await page.goto(site.url.href)
    await page.evaluate(
      ([url, names]) => {
        window.messages = []
        window.opened = 0
        window.source = new EventSource(url)
        window.source.onopen = () => {
          window.opened++
        }
        const keep = ({ type, data, lastEventId }: MessageEvent) => {
          window.messages.push({ type, data, lastEventId })
        }
        for (const name of names) {
          if (name === 'message') window.source.onmessage = keep
          else window.source.addEventListener(name, keep)
        }
      },
      [server.url + path, types] as const,
    )
    await until('the stream to open', () => page.evaluate(() => window.opened > 0))
    return page
  }

  async function received(page: Page, count: number, deadlineMs?: number): Promise<Message[]> {
    await until(`${count} messages`, () => page.evaluate((n) => window.messages.length >= n, count), deadlineMs)
    return page.evaluate(() => window.messages)
  }

  async function publish(
    path: string,
    body: string,
    headers: Record<string, string> = {},
  ): Promise<{ cursor: string }> {
    const answer = await fetch(server.url + path, { method: 'POST', body, headers })
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as { cursor: string }
  }

  test('onmessage gets text as itself and JSON as JSON, each with its cursor, and nothing of another type', async () => {
    const page = await listen('/events/plain')
    const text = await publish('/events/plain', 'line one\nline two\r\nline three é 🎈')
    await publish('/events/plain?type=other', 'not for onmessage')
    await publish('/events/elsewhere', 'not this topic')
    const json = await publish('/events/plain', '{"total":99,"nested":["a\\nb"]}')
    const messages = await received(page, 2)
    expect(messages).toEqual([
      // An EventSource joins lines with \n, whichever newline was sent.
      { type: 'message', data: 'line one\nline two\nline three é 🎈', lastEventId: text.cursor },
      { type: 'message', data: '{"total":99,"nested":["a\\nb"]}', lastEventId: json.cursor },
    ])
    await page.close()
  })

  test('addEventListener gets the types it names, and no other', async () => {
    const page = await listen('/events/orders/*', ['order.paid', 'order.shipped'])
    await publish('/events/orders/1?type=order.paid', '{"total":1}')
    await publish('/events/orders/1?type=order.cancelled', '{"total":2}')
    await publish('/events/orders/1', '{"total":3}')
    await publish('/events/orders/2?type=order.shipped', '{"total":4}')
    const messages = await received(page, 2)
    expect(messages.map(({ type, data }) => [type, data])).toEqual([
      ['order.paid', '{"total":1}'],
      ['order.shipped', '{"total":4}'],
    ])
    await page.close()
  })

  test('envelope=1 gives one onmessage every type with its topic', async () => {
    const page = await listen('/events?envelope=1&topic=envelope/**')
    const first = await publish('/events/envelope/a?type=one&id=first', '[1,2]')
    const second = await publish('/events/envelope/b/c?type=two', 'text')
    const events = (await received(page, 2)).map(({ data }) => JSON.parse(data))
    expect(events).toEqual([
      { ...events[0], id: 'first', cursor: first.cursor, topic: 'envelope/a', type: 'one', data: [1, 2] },
      { ...events[1], cursor: second.cursor, topic: 'envelope/b/c', type: 'two', data: 'text' },
    ])
    expect(Number.isNaN(Date.parse(events[0].time))).toBe(false)
    await page.close()
  })

  test('after kill -9 and a restart the page goes on by itself: nothing missing, nothing twice, in order', async () => {
    const page = await listen('/events/count?heartbeat=event', ['message', 'tick', '$gap'])
    const total = 90
    for (let number = 1; number <= total; number++) {
      let crash: Promise<void> | undefined
      if (number === 20 || number === 50) {
        const times = number === 20 ? 1 : 2
        await until('the page to be connected', () => page.evaluate((n) => window.opened >= n, times), 40_000)
        crash = server.kill('SIGKILL').then(() => server.start())
      }
      // The id makes a retry of an unanswered publish harmless: stored before the crash or not, it is there once.
      const type = number % 3 === 0 ? 'tick' : 'message'
      await until(`publish ${number}`, () => publish(`/events/count?type=${type}&id=n${number}`, String(number)))
      await crash
    }
    const messages = await received(page, total, 40_000)
    expect(messages.map(({ data }) => data)).toEqual(Array.from({ length: total }, (_, index) => String(index + 1)))
    expect(messages.every(({ type, data }) => type === (Number(data) % 3 === 0 ? 'tick' : 'message'))).toBe(true)
    expect(await page.evaluate(() => window.opened)).toBe(3)
    await page.close()
  })

  test('GitHub’s webhooks, posted as GitHub posts them, arrive deep-equal with their type and topic', async () => {
    const page = await listen('/events?envelope=1&topic=github/**')
    const sent = examples()
    expect(sent.length).toBeGreaterThan(100)
    for (const { topic, name, payload } of sent) {
      await publish(`/events/${topic}`, JSON.stringify(payload), {
        'content-type': 'application/json',
        'user-agent': 'GitHub-Hookshot/1234567',
        'x-github-event': name,
      })
    }
    const events = (await received(page, sent.length)).map(({ data }) => JSON.parse(data))
    expect(events.map(({ topic, type }) => [topic, type])).toEqual(sent.map(({ topic, name }) => [topic, name]))
    for (const [index, event] of events.entries()) expect(event.data).toEqual(sent[index]!.payload)
    await page.close()
  })
})
