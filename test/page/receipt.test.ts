import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Browser, Page } from 'playwright-core'
import { keySettings, testKey } from '../support/access.ts'
import { findChromium, NO_CHROMIUM, startChromium } from '../support/chromium.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'
import { until } from '../support/until.ts'

const chromium = findChromium()
if (!chromium) console.warn(NO_CHROMIUM)

const first = testKey('first', { publish: ['**'], subscribe: ['**'] })
const second = testKey('second', { subscribe: ['**'] })

let browser: Browser | undefined
let served: ServedHub
beforeAll(async () => {
  if (!chromium) return
  browser = await startChromium(chromium)
  served = await servedHub({ access: keySettings([first, second]) })
})
afterAll(async () => {
  await browser?.close()
  await served?.close()
})

async function use(page: Page, { text, settings: { name } }: typeof first): Promise<void> {
  await page.locator('#access input').fill(text)
  await page.locator('#access button').click()
  await until(`${name} to be known`, async () => (await page.locator('#who').textContent()) === `key:${name}`)
}

test.skipIf(!chromium)(
  'what was published with one key is not shown as another one’s',
  async () => {
    const page = await browser!.newPage()
    await page.goto(served.url)
    await page.locator('#access').waitFor()
    await use(page, first)
    await page.locator('#publish button').click()
    const receipt = () => page.locator('#receipt').textContent()
    await until('the receipt', async () => (await receipt())?.includes('Stored as'))
    await page.locator('#forget').click()
    await until('no receipt', async () => (await receipt()) === '')
    await use(page, second)
    expect(await receipt()).toBe('')
    await page.close()
  },
  120_000,
)
