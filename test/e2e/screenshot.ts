/** Makes docs/page.png from the built executable: `bun run test/e2e/screenshot.ts [port]`. */
import { resolve } from 'node:path'
import { findChromium, NO_CHROMIUM, startChromium } from '../support/chromium.ts'
import { Executable } from '../support/executable.ts'

const START = Date.parse('2026-11-22T12:00:00Z')

const EVENTS: [topic: string, type: string, data: unknown][] = [
  ['cron/backup', 'backup.ok', { host: 'db-1', seconds: 41 }],
  ['orders/41', 'order.placed', { total: 18.5, items: 2 }],
  ['orders/42', 'order.placed', { total: 99, currency: 'EUR' }],
  ['sensors/attic', 'reading', { celsius: 19.4 }],
  ['orders/42', 'order.paid', { total: 99, method: 'card' }],
  ['github/octocat/hello-world', 'push', { ref: 'refs/heads/main', commits: 3 }],
  ['deploy/api', 'deploy.started', { version: '2.14.0', by: 'ci' }],
  ['chat/lobby', 'message', 'Hello from the lobby'],
  ['sensors/attic', 'reading', { celsius: 19.6 }],
  ['deploy/api', 'deploy.failed', { version: '2.14.0', step: 'migrate', exit: 1 }],
  ['orders/42', 'order.shipped', { carrier: 'post', parcels: 1 }],
  ['github/octocat/hello-world', 'issues', { action: 'opened', number: 1347 }],
  ['deploy/api', 'deploy.started', { version: '2.14.1', by: 'ci' }],
  ['deploy/api', 'deploy.ok', { version: '2.14.1', seconds: 38 }],
  ['cron/backup', 'message', 'backup failed: disk full'],
]

const chromium = findChromium()
if (!chromium) throw new Error(NO_CHROMIUM)
const browser = await startChromium(chromium)
const server = await Executable.serve({}, process.argv[2] ? Number(process.argv[2]) : undefined)
try {
  const events = EVENTS.map(([topic, type, data], index) => {
    return { topic, type, data, time: new Date(START + index * 13_457).toISOString() }
  })
  const answer = await fetch(`${server.url}/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(events),
  })
  if (!answer.ok) throw new Error(`The events were refused: ${await answer.text()}`)
  const page = await browser.newPage({
    viewport: { width: 1280, height: 800 },
    colorScheme: 'light',
    reducedMotion: 'reduce',
    timezoneId: 'UTC',
  })
  await page.goto(`http://localhost:${server.port}/`)
  await page.locator('#topics button').first().waitFor()
  await page
    .locator('#rows .event')
    .nth(EVENTS.length - 1)
    .waitFor()
  await page.locator('#rows summary').nth(2).click()
  await page.locator('#publish button').click()
  await page.locator('#receipt', { hasText: 'Stored' }).waitFor()
  await page.locator('#topics', { hasText: 'demo' }).waitFor()
  await page.mouse.move(0, 0)
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur())
  await page.screenshot({ path: resolve(import.meta.dir, '../../docs/page.png') })
} finally {
  await browser.close()
  await server.remove()
}
