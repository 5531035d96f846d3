import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { EventSource } from 'eventsource'
import type { Browser } from 'playwright-core'
import { findChromium, NO_CHROMIUM, startChromium } from '../../support/chromium.ts'
import { Executable } from '../../support/executable.ts'
import type { McpClient, McpSubscription } from '../../support/mcp-client.ts'
import { connect, MCP_VERSIONS } from '../../support/mcp-kinds.ts'
import { until } from '../../support/until.ts'

const TOPIC = 'crossing/one'
const URI = `events://topics/${TOPIC}`

interface Member {
  version: string
  client: McpClient
  subscription: McpSubscription
}

/** What a reader of `GET /events` was handed. */
interface Received {
  id: string
  type: string
  data: unknown
}

declare global {
  interface Window {
    received: Received[]
  }
}

const chromium = findChromium()

describe('one event, published by a tool of one version', () => {
  let server: Executable
  let source: EventSource
  let browser: Browser | undefined
  const members: Member[] = []
  const received: Received[] = []
  let inBrowser: () => Promise<Received[]>

  beforeAll(async () => {
    server = await Executable.serve()
    for (const kind of MCP_VERSIONS) {
      const client = await connect(kind, server)
      members.push({ version: client.version, client, subscription: await client.subscribe(URI) })
    }
    let open = false
    source = new EventSource(`${server.url}/events/${TOPIC}`)
    source.addEventListener('crossed', ({ lastEventId, type, data }: MessageEvent) => {
      received.push({ id: lastEventId, type, data: JSON.parse(data) })
    })
    source.addEventListener('$open', () => {
      open = true
    })
    await until('the stream to open', () => open)
    if (chromium) await openBrowser(chromium)
  }, 120_000)
  afterAll(async () => {
    source?.close()
    await browser?.close()
    for (const { client } of members) await client.close()
    await server?.remove()
  })

  async function openBrowser(path: string): Promise<void> {
    browser = await startChromium(path)
    const page = await browser.newPage()
    await page.goto(`${server.url}/livez`)
    await page.evaluate((url) => {
      window.received = []
      const source = new EventSource(url)
      source.addEventListener('crossed', ({ lastEventId, type, data }: MessageEvent) => {
        window.received.push({ id: lastEventId, type, data: JSON.parse(data) })
      })
      return new Promise((resolve) => source.addEventListener('$open', resolve, { once: true }))
    }, `/events/${TOPIC}`)
    inBrowser = () => page.evaluate(() => window.received)
  }

  test('there is a client of every version', () => {
    expect(members.map(({ version }) => version)).toEqual(MCP_VERSIONS.map(({ name }) => name))
  })

  for (const [index, { name }] of MCP_VERSIONS.entries()) {
    test(`reaches EventSource and the subscribers of all versions with the same cursor: ${name}`, async () => {
      const before = members.map(({ subscription }) => subscription.told.length)
      const { structured } = await members[index]!.client.call('publish_event', {
        topic: TOPIC,
        type: 'crossed',
        data: { from: name },
      })
      const event = { id: structured.cursor as string, type: 'crossed', data: { from: name } }
      await until('the event stream', () => received.some(({ id }) => id === event.id))
      expect(received.at(-1)).toEqual(event)
      for (const [reader, { client, subscription, version }] of members.entries()) {
        await until(`a notification of ${version}`, () => subscription.told.length > before[reader]!)
        expect(newest(await client.read(URI))).toMatchObject({ cursor: event.id, type: 'crossed', data: event.data })
      }
    })
  }

  test.skipIf(!chromium)(
    `reached Chromium too, each once, in order, under the same cursors${chromium ? '' : ` (${NO_CHROMIUM})`}`,
    async () => {
      await until('all events in the browser', async () => (await inBrowser()).length >= MCP_VERSIONS.length)
      expect(await inBrowser()).toEqual(received)
      expect(received.map(({ data }) => data)).toEqual(MCP_VERSIONS.map(({ name }) => ({ from: name })))
    },
  )
})

function newest(resource: string): unknown {
  return (JSON.parse(resource) as { events: unknown[] }).events.at(-1)
}
