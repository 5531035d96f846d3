import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import type { Browser, Page } from 'playwright-core'
import { findChromium, NO_CHROMIUM, startChromium } from '../support/chromium.ts'
import { Executable } from '../support/executable.ts'
import { freePort } from '../support/port.ts'
import { until } from '../support/until.ts'

const chromium = findChromium()
if (!chromium) console.warn(NO_CHROMIUM)

/** What a page tries on the hub at `url`; whatever it gets to see is returned as text. */
type Attempt = (url: string) => Promise<string>

declare global {
  interface Window {
    attempts: Record<string, Attempt>
  }
}

/** Runs inside the page. */
function defineAttempts(): void {
  const take = async (response: Response): Promise<string> => `${response.status} ${await response.text()}`
  const stream = (url: string): Promise<string> =>
    new Promise((resolve) => {
      const source = new EventSource(`${url}/events/kept?since=earliest`)
      source.onmessage = ({ data }) => {
        source.close()
        resolve(data)
      }
      source.onerror = () => {
        source.close()
        resolve('error')
      }
    })
  const element = (tag: string, url: string): Promise<string> =>
    new Promise((resolve) => {
      const made = Object.assign(document.createElement(tag), { src: url })
      made.onload = () => resolve('loaded')
      made.onerror = () => resolve('error')
      document.body.append(made)
    })
  /** Into a frame of its own, whose content the page then tries to read. */
  const form = (url: string, enctype: string): Promise<string> =>
    new Promise((resolve) => {
      const frame = Object.assign(document.createElement('iframe'), { name: `frame${Math.random()}` })
      document.body.append(frame)
      const made = Object.assign(document.createElement('form'), { method: 'post', action: url, enctype })
      made.target = frame.name
      made.append(Object.assign(document.createElement('input'), { name: '{"data":"', value: 'by form"}' }))
      document.body.append(made)
      frame.onload = () => resolve(frame.contentDocument?.body?.textContent ?? 'not readable')
      made.submit()
    })
  window.attempts = {
    'fetch history': async (url) => take(await fetch(`${url}/events?format=json`)),
    'fetch history, no-cors': async (url) => take(await fetch(`${url}/events?format=json`, { mode: 'no-cors' })),
    'fetch topics': async (url) => take(await fetch(`${url}/topics`)),
    'fetch a stream': async (url) => {
      const response = await fetch(`${url}/events/kept?since=earliest`)
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
      let text = `${response.status} `
      for (;;) {
        const { done, value } = await reader.read()
        text += value ?? ''
        if (!done && !text.includes('data: the ')) continue
        await reader.cancel()
        return text
      }
    },
    'XMLHttpRequest history': (url) =>
      new Promise((resolve) => {
        const request = new XMLHttpRequest()
        request.onload = () => resolve(request.responseText)
        request.onerror = () => resolve('error')
        request.open('GET', `${url}/events?format=json`)
        request.send()
      }),
    EventSource: stream,
    'publish as text': async (url) => take(await fetch(`${url}/events/attack`, { method: 'POST', body: 'x' })),
    'publish as text, no-cors': async (url) =>
      take(await fetch(`${url}/events/attack`, { method: 'POST', body: 'x', mode: 'no-cors' })),
    'publish as JSON': async (url) =>
      take(
        await fetch(`${url}/events`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{"topic":"attack","data":1}',
        }),
      ),
    'publish with an Idempotency-Key': async (url) =>
      take(
        await fetch(`${url}/events/attack`, {
          method: 'POST',
          headers: { 'idempotency-key': `${Math.random()}` },
          body: 'x',
        }),
      ),
    'publish by sendBeacon': async (url) => String(navigator.sendBeacon(`${url}/events/attack`, 'beacon')),
    'publish by a form, url-encoded': (url) => form(`${url}/events/attack`, 'application/x-www-form-urlencoded'),
    'publish by a form, multipart': (url) => form(`${url}/events/attack`, 'multipart/form-data'),
    'publish by a form, text': (url) => form(`${url}/events`, 'text/plain'),
    'erase a topic': async (url) => take(await fetch(`${url}/topics/kept`, { method: 'DELETE' })),
    'history as a script': (url) => element('script', `${url}/events?format=json`),
    'history as an image': (url) => element('img', `${url}/events?format=json`),
    'the page in a frame': async (url) => {
      const frame = document.createElement('iframe')
      const loaded = new Promise((resolve) => {
        frame.onload = resolve
      })
      frame.src = `${url}/`
      document.body.append(frame)
      await loaded
      return frame.contentDocument?.body?.innerHTML ?? 'not readable'
    },
  }
}

/** An empty page on every name that leads here. */
function servePage(port: number) {
  const headers = { 'content-type': 'text/html; charset=utf-8' }
  return Bun.serve({
    port,
    hostname: '127.0.0.1',
    fetch: () => new Response('<!doctype html><title>a page</title><body></body>', { headers }),
  })
}

/** The status of every answer that reaches the browser from `port` from now on. */
function answers(page: Page, port: number): number[] {
  const statuses: number[] = []
  page.on('response', (response) => {
    if (Number(new URL(response.url()).port) === port) statuses.push(response.status())
  })
  return statuses
}

describe.skipIf(!chromium)('an open hub and the pages of a browser on its machine', () => {
  let browser: Browser
  let hub: Executable
  const site = servePage(0)
  /** Stored before anybody tries: nobody who may not read it gets to see it, and it stays. */
  let kept = ''

  beforeAll(async () => {
    browser = await startChromium(chromium!, [
      // What a rebinding name server does: names that are not this machine's lead to it.
      '--host-resolver-rules=MAP evil.example 127.0.0.1, MAP *.evil.example 127.0.0.1',
    ])
    hub = await Executable.serve()
  })
  afterAll(async () => {
    await browser?.close()
    await hub?.remove()
    await site.stop(true)
  })
  beforeEach(async () => {
    kept = `the ${crypto.randomUUID()}`
    for (const topic of ['attack', 'default']) await fetch(`${hub.url}/topics/${topic}`, { method: 'DELETE' })
    await fetch(`${hub.url}/events/kept`, { method: 'POST', body: kept })
  })

  async function pageAt(url: string): Promise<Page> {
    const page = await browser.newPage()
    await page.goto(url)
    await page.evaluate(defineAttempts)
    return page
  }

  /** Each attempt by itself: what it saw, or the error it ended with. */
  async function tryAll(page: Page, url: string): Promise<Record<string, string>> {
    return page.evaluate(async (to) => {
      const seen: Record<string, string> = {}
      for (const [name, attempt] of Object.entries(window.attempts)) {
        const late = new Promise<string>((resolve) => setTimeout(() => resolve('nothing in 20 s'), 20_000))
        seen[name] = await Promise.race([attempt(to).catch((error) => String(error)), late])
      }
      return seen
    }, url)
  }

  async function stored(topic: string, server: Executable): Promise<string[]> {
    const answer = await fetch(`${server.url}/events/${topic}?format=json&since=earliest&limit=1000`)
    return ((await answer.json()) as { events: { data: string }[] }).events.map(({ data }) => data)
  }

  async function expectNothing(seen: Record<string, string>, server = hub): Promise<void> {
    expect(Object.keys(seen)).toHaveLength(18)
    expect(Object.entries(seen).filter(([, text]) => text.includes(kept) || text.includes('evt_'))).toEqual([])
    // Whatever was sent has arrived when a later request is answered; a beacon is sent when the browser likes.
    await Bun.sleep(300)
    expect(await stored('attack', server)).toEqual([])
    expect(await stored('default', server)).toEqual([])
    expect(await stored('kept', server)).toContain(kept)
  }

  describe('a foreign page can neither read nor publish, by fetch, no-cors, form, beacon, tag or EventSource', () => {
    for (const name of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example']) {
      for (const host of ['127.0.0.1', 'localhost']) {
        test(`from http://${name}, asking ${host}`, async () => {
          const page = await pageAt(`http://${name}:${site.port}/`)
          const answered = answers(page, hub.port)
          const seen = await tryAll(page, `http://${host}:${hub.port}`)
          // A beacon is sent when the browser likes.
          await until('the seven that need no CORS to be answered', () => answered.length >= 7)
          await expectNothing(seen)
          // The hub refused them, not only the browser, which shows the answers to the seven that need no CORS: history and
          // a publish by no-cors, the beacon, three forms, the frame.
          expect(answered).toEqual([403, 403, 403, 403, 403, 403, 403])
          await page.close()
        })
      }
    }

    test('from a sandboxed frame of a page that itself may: its origin is null', async () => {
      const page = await pageAt(`http://localhost:${site.port}/`)
      await page.evaluate(() => {
        const frame = document.createElement('iframe')
        frame.sandbox.add('allow-scripts', 'allow-forms')
        frame.srcdoc = '<!doctype html><body></body>'
        document.body.append(frame)
      })
      // Empty at first, and what is defined in it then is gone with it.
      const frame = await until('the frame', () => page.frames().find((each) => each.url() === 'about:srcdoc'))
      await frame.waitForLoadState()
      await frame.evaluate(defineAttempts)
      expect(await frame.evaluate(() => origin)).toBe('null')
      await expectNothing(await tryAll(frame as unknown as Page, hub.url))
      await page.close()
    })
  })

  test('DNS rebinding: a page whose own name leads to the hub, on the hub’s port, is refused as if it were foreign', async () => {
    // The page comes from the attacker's server; then its name and port lead to the hub, and all is of one origin.
    const port = freePort()
    const attacker = servePage(port)
    const page = await pageAt(`http://evil.example:${port}/`)
    await attacker.stop(true)
    const rebound = await Executable.serve({}, port)
    try {
      await fetch(`${rebound.url}/events/kept`, { method: 'POST', body: kept })
      const answered = answers(page, port)
      const seen = await tryAll(page, `http://evil.example:${port}`)
      expect(seen['fetch history']).toMatch(/^403 .*host-not-allowed/s)
      await expectNothing(seen, rebound)
      await until('most of them to be answered', () => answered.length > 12)
      expect(new Set(answered)).toEqual(new Set([403]))
    } finally {
      await page.close()
      await rebound.remove()
    }
  })

  describe('a page of a development server can read and publish, its preflights included, and erase nothing', () => {
    for (const [name, host] of [
      ['localhost', 'localhost'],
      ['127.0.0.1', 'localhost'],
      ['app.localhost', '127.0.0.1'],
    ]) {
      test(`from http://${name}, asking ${host}`, async () => {
        const page = await pageAt(`http://${name}:${site.port}/`)
        const seen = await tryAll(page, `http://${host}:${hub.port}`)
        expect(seen).toMatchObject({
          'fetch history': expect.stringContaining(kept),
          'fetch topics': expect.stringContaining('"kept"'),
          'fetch a stream': expect.stringContaining('data: the '),
          'XMLHttpRequest history': expect.stringContaining(kept),
          EventSource: expect.stringMatching(/^the /),
          'publish as text': expect.stringMatching(/^201 /),
          'publish as JSON': expect.stringMatching(/^201 /),
          'publish with an Idempotency-Key': expect.stringMatching(/^201 /),
          'erase a topic': expect.stringContaining('Failed to fetch'),
        })
        expect(await stored('kept', hub)).toContain(kept)
        expect((await stored('attack', hub)).length).toBeGreaterThanOrEqual(4)
        await page.close()
      })
    }
  })
})
