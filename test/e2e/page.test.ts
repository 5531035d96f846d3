import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Browser, Page } from 'playwright-core'
import { findChromium, NO_CHROMIUM, startChromium } from '../support/chromium.ts'
import { Executable } from '../support/executable.ts'
import { until } from '../support/until.ts'

const chromium = findChromium()
if (!chromium) console.warn(NO_CHROMIUM)

describe.skipIf(!chromium)('the page at /, in Chromium', () => {
  let browser: Browser
  let server: Executable

  beforeAll(async () => {
    browser = await startChromium(chromium!)
    server = await Executable.serve()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.remove()
  })

  /** The page with the last events of the hub, and everything that should not have happened on it so far. */
  async function open(width = 1280, height = 800): Promise<{ page: Page; complaints: string[] }> {
    const page = await browser.newPage({ viewport: { width, height } })
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('console', (message) => {
      // Chromium's own line about a lost connection is what the restart test is about.
      if (message.type() === 'error' && !message.text().includes('net::ERR_')) complaints.push(message.text())
    })
    page.on('request', (request) => {
      const url = request.url()
      if (!url.startsWith(`${server.url}/`) && !url.startsWith('data:')) complaints.push(`it asked for ${url}`)
    })
    const answer = await fetch(`${server.url}/events?format=json&last=50`)
    const { events } = (await answer.json()) as { events: unknown[] }
    await page.goto(server.url)
    await state(page, 'Live')
    // They come after that, and a frame later.
    await until('the events there were', async () => (await rows(page)).length === events.length)
    return { page, complaints }
  }

  async function text(page: Page, selector: string): Promise<string> {
    return (await page.locator(selector).textContent()) ?? ''
  }

  async function state(page: Page, wanted: string, deadlineMs?: number): Promise<void> {
    const shows = async () => (await text(page, '#state')).trim() === wanted
    await until(`the state "${wanted}"`, shows, deadlineMs)
  }

  async function publishByForm(page: Page, topic: string, type: string, data: string): Promise<string> {
    const before = await text(page, '#receipt')
    await page.locator('#publish [name=topic]').fill(topic)
    await page.locator('#publish [name=type]').fill(type)
    await page.locator('#publish [name=data]').fill(data)
    await page.locator('#publish button').click()
    return until('another receipt', async () => {
      const now = await text(page, '#receipt')
      return now === before ? '' : now
    })
  }

  /** Topic, type and data of the lines shown, newest first. */
  function rows(page: Page): Promise<string[][]> {
    return page.$$eval('#rows .event', (items) =>
      items.map((item) => ['.topic', '.type', '.data'].map((part) => item.querySelector(part)?.textContent ?? '')),
    )
  }

  test('it publishes by its form, shows the event, and opens it to its whole content', async () => {
    const { page, complaints } = await open()
    expect(await page.locator('#empty').isVisible()).toBe(true)
    const receipt = await publishByForm(page, 'orders/42', 'order.paid', '{"total": 99, "exact": 12345678901234567890}')
    expect(receipt).toMatch(/^Stored as [a-z0-9]+\.\d+$/)
    await until('the event', async () => (await rows(page)).length === 1)
    expect(await page.locator('#empty').isVisible()).toBe(false)
    const [row] = await rows(page)
    expect(row).toEqual(['orders/42', 'order.paid', '{"total": 99, "exact": 12345678901234567890}'])
    await page.locator('#rows summary').first().press('Enter')
    expect(await text(page, '#rows pre')).toBe('{\n  "total": 99,\n  "exact": 12345678901234567890\n}')
    expect(await text(page, '#rows .whole dl')).toContain(receipt.replace('Stored as ', ''))
    await until('its topic', async () => (await text(page, '#topics')).includes('orders/42'))
    expect(complaints).toEqual([])
    await page.close()
  })

  test('hostile topics, types and data are text on it and nothing else', async () => {
    const { page, complaints } = await open()
    const topic = '<img/src=x/onerror="document.title=1">'
    const type = '<script>document.title=2</script>'
    const data = '<img src=x onerror="document.title=3"><svg onload=document.title=4></svg>'
    await publishByForm(page, topic, type, data)
    await publishByForm(page, 'a/../b', '', '{"__proto__": {"x": "</script><img src=x>"}}')
    await until('both events', async () => (await rows(page)).some((row) => row[0] === 'a/../b'))
    expect(await rows(page)).toContainEqual([topic, type, data])
    for (const summary of await page.locator('#rows summary').all()) await summary.click()
    await until('its topic', async () => (await text(page, '#topics')).includes(topic))
    expect(await page.locator('img, #rows svg, #rows script, aside script').count()).toBe(0)
    expect(await page.title()).toBe('mcp-sse')
    expect(complaints).toEqual([])
    await page.close()
  })

  test('a refused event shows the sentence the hub gives, and stores nothing', async () => {
    const { page } = await open()
    const before = (await rows(page)).length
    const said = await publishByForm(page, 'demo', '$open', 'x')
    expect(said).toContain('$')
    expect(said.length).toBeGreaterThan(20)
    expect(await page.locator('#receipt').getAttribute('class')).toContain('failed')
    expect((await rows(page)).length).toBe(before)
    await page.close()
  })

  test('the filter narrows the tail, a topic in the list sets it, and a refused pattern says why', async () => {
    const { page } = await open()
    await publishByForm(page, 'cron/backup', 'job.ok', 'one')
    await publishByForm(page, 'cron/report', 'job.ok', 'two')
    await page.locator('#filter [name=topics]').fill('cron/*')
    await page.keyboard.press('Enter')
    await until('cron only', async () => {
      const shown = await rows(page)
      return shown.length === 2 && shown.every(([topic]) => topic?.startsWith('cron/'))
    })
    await page.locator('#topics button', { hasText: 'cron/backup' }).click()
    await until('one topic', async () => (await rows(page)).length === 1)
    expect(await text(page, '#lines')).toContain(`curl -N ${server.url}/events/cron/backup`)
    await page.locator('#filter [name=topics]').fill('cron/*x')
    await page.keyboard.press('Enter')
    await state(page, 'Not listening')
    expect(await text(page, '#problem')).toContain('cron/*x')
    await page.close()
  })

  test('paused, it holds what comes and shows it afterwards; cleared, it goes on', async () => {
    const { page } = await open()
    await page.locator('#clear').click()
    await page.locator('#pause').click()
    await publishByForm(page, 'held', '', '1')
    await until('the count', async () => (await text(page, '#count')).includes('1 waiting'))
    expect(await rows(page)).toEqual([])
    await page.locator('#pause').click()
    expect(await rows(page)).toEqual([['held', 'message', '1']])
    await page.locator('#clear').click()
    await publishByForm(page, 'held', '', '2')
    await until('the next', async () => (await rows(page)).length === 1)
    expect(await rows(page)).toEqual([['held', 'message', '2']])
    await page.close()
  })

  test('a burst of 3,000 events leaves the newest 500 lines, newest first', async () => {
    const { page } = await open()
    for (let batch = 0; batch < 3; batch++) {
      const events = Array.from({ length: 1000 }, (_, index) => ({ topic: 'burst', data: batch * 1000 + index }))
      const answer = await fetch(`${server.url}/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(events),
      })
      expect(answer.status).toBe(201)
    }
    await until('the last event', async () => (await rows(page))[0]?.[2] === '2999')
    const shown = await page.$$eval('#rows > li', (items) => items.length)
    expect(shown).toBe(500)
    expect((await rows(page)).map((row) => Number(row[2]))).toEqual(Array.from({ length: 500 }, (_, i) => 2999 - i))
    await page.close()
  })

  test('while the server is away it says so, and goes on when it is back without losing or repeating a line', async () => {
    const { page } = await open()
    await page.locator('#clear').click()
    await publishByForm(page, 'away', '', '"before"')
    await until('the first', async () => (await rows(page)).length === 1)
    await server.kill('SIGKILL')
    await state(page, 'Reconnecting')
    expect(await publishByForm(page, 'away', '', '"lost"')).toContain('did not answer')
    await server.start()
    await fetch(`${server.url}/events/away`, { method: 'POST', body: '"after"' })
    await state(page, 'Live', 40_000)
    await until('the second', async () => (await rows(page)).length === 2)
    expect((await rows(page)).map((row) => row[2])).toEqual(['after', 'before'])
    await page.close()
  })

  test('when the server is back, its topics are the ones it has now', async () => {
    const { page } = await open()
    await publishByForm(page, 'gone', '', '1')
    await until('its topic', async () => (await text(page, '#topics')).includes('gone'))
    expect((await fetch(`${server.url}/topics/gone`, { method: 'DELETE' })).status).toBe(204)
    await server.kill('SIGKILL')
    await state(page, 'Reconnecting')
    await server.start()
    await state(page, 'Live', 40_000)
    await until('the list without it', async () => !(await text(page, '#topics')).includes('gone'))
    await page.close()
  })

  test('it fits a telephone of 320 pixels without scrolling sideways', async () => {
    const { page } = await open(320, 640)
    await publishByForm(page, `a/${'very-long-topic-'.repeat(20)}`, 'a.type.that.is.long.'.repeat(5), 'x'.repeat(5000))
    await until('the event', async () => (await rows(page))[0]?.[2]?.startsWith('xxx'))
    await page.locator('#rows summary').first().click()
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320)
    await page.close()
  })
})
