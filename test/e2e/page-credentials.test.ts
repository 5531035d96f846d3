import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { dirname } from 'node:path'
import { SignJWT } from 'jose'
import type { Browser, Page } from 'playwright-core'
import { findChromium, NO_CHROMIUM, startChromium } from '../support/chromium.ts'
import { Executable, executablePath } from '../support/executable.ts'
import { until } from '../support/until.ts'

const chromium = findChromium()
if (!chromium) console.warn(NO_CHROMIUM)

const KEY = 'a-key-with-all-grants'
const SECRET = '0123456789abcdef0123456789abcdef'

describe.skipIf(!chromium)('the page at / of a hub with credentials, in Chromium', () => {
  let browser: Browser
  let server: Executable

  beforeAll(async () => {
    browser = await startChromium(chromium!)
    server = await Executable.serve({ MCP_SSE_AUTH_KEY: KEY, MCP_SSE_AUTH_JWT_SECRET: SECRET })
  })
  afterAll(async () => {
    await browser?.close()
    await server?.remove()
  })

  async function open(): Promise<{ page: Page; urls: string[] }> {
    const page = await browser.newPage()
    const urls: string[] = []
    page.on('request', (request) => urls.push(request.url()))
    await page.goto(server.url)
    await shows(page, '#state', 'Not listening')
    return { page, urls }
  }

  async function shows(page: Page, selector: string, wanted: string): Promise<void> {
    const found = async () => ((await page.locator(selector).textContent()) ?? '').includes(wanted)
    await until(`"${wanted}" in ${selector}`, found)
  }

  async function use(page: Page, key: string): Promise<void> {
    await page.locator('#access input').fill(key)
    await page.locator('#access button').click()
  }

  function token(grants: object): Promise<string> {
    return new SignJWT({ events: grants })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('alice')
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(SECRET))
  }

  test('it asks for a key, says what is wrong with a bad one, and works with a good one, which no URL ever holds', async () => {
    const { page, urls } = await open()
    expect(await page.locator('#access').isVisible()).toBe(true)
    await use(page, 'mcpsse_wrong')
    await shows(page, '#access-note.failed', '.')
    expect(await page.locator('#access-note').textContent()).not.toContain('mcpsse_wrong')
    await use(page, KEY)
    await shows(page, '#state', 'Live')
    await shows(page, '#who', 'key:auth.key')
    expect(await page.locator('#access').isVisible()).toBe(false)
    await page.locator('#publish button').click()
    await shows(page, '#receipt', 'Stored as')
    await shows(page, '#rows', 'demo')
    await shows(page, '#topics', 'demo')
    const lines = (await page.locator('#lines').textContent()) ?? ''
    expect(lines).toContain('curl -H "Authorization: Bearer $MCP_SSE_KEY" -d')
    expect(lines).toContain('curl -N -H "Authorization: Bearer $MCP_SSE_KEY"')
    expect(lines).toContain("client.js').then(({ connect })")
    const everywhere = [await page.content(), ...urls].join('\n')
    expect(everywhere).not.toContain(KEY)
    expect(await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie])).toEqual([0, 0, ''])
    await page.locator('#forget').click()
    await shows(page, '#state', 'Not listening')
    expect(await page.locator('#access').isVisible()).toBe(true)
    expect(await page.locator('#rows .event').count()).toBe(0)
    await page.close()
  })

  test('with a token it shows what that may read, and the hub’s sentence for what it may not', async () => {
    const { page } = await open()
    for (const topic of ['orders/1', 'secret']) {
      const headers = { authorization: `Bearer ${KEY}` }
      await fetch(`${server.url}/events/${topic}`, { method: 'POST', headers, body: topic })
    }
    await use(page, await token({ publish: [], subscribe: ['orders/*'] }))
    await shows(page, '#who', 'sub:alice')
    await shows(page, '#state', 'Live')
    await shows(page, '#rows', 'orders/1')
    await shows(page, '#topics', 'orders/1')
    expect(await page.locator('body').textContent()).not.toContain('secret')
    await page.locator('#publish button').click()
    await shows(page, '#receipt.failed', 'may not publish')
    await page.locator('#filter [name=topics]').fill('elsewhere')
    await page.keyboard.press('Enter')
    await shows(page, '#state', 'Not listening')
    await shows(page, '#problem', 'may not read')
    await page.close()
  })

  test('a page that was open when the hub got its first key asks for one, and goes on with it', async () => {
    const hub = await Executable.serve()
    try {
      const page = await browser.newPage()
      await page.goto(hub.url)
      await shows(page, '#state', 'Live')
      const command = [executablePath(), 'key', 'new', 'me', '--publish', '**', '--subscribe', '**', '--save']
      const made = Bun.spawnSync(command, { cwd: dirname(hub.dataDir) })
      process.kill(hub.pid, 'SIGHUP')
      await shows(page, '#state', 'Not listening')
      await shows(page, '#problem', 'The key above')
      await use(page, made.stdout.toString().trim())
      await shows(page, '#state', 'Live')
      await page.close()
    } finally {
      await hub.remove()
    }
  })
})
