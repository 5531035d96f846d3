import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { Client } from '@modelcontextprotocol/client'
import fc from 'fast-check'
import { LOCAL } from '../../../src/core/principal.ts'
import type { EventPage } from '../../../src/mcp/catalogue/event-page.ts'
import { askingOf, type CatalogueHub, catalogueHub, structured } from '../../support/catalogue-hub.ts'
import { draft } from '../../support/hub.ts'
import { ManualClock } from '../../support/manual-clock.ts'

interface LinkedResult {
  structuredContent: EventPage
  content: { type: string; uri?: string; text?: string }[]
}

let served: CatalogueHub
let client: Client
let clock: ManualClock

beforeEach(async () => {
  clock = new ManualClock()
  served = await catalogueHub({ clock, retention: { maxEvents: 100 } })
  client = await served.client()
})
afterEach(async () => {
  expect(served.answers.held).toBe(0)
  await served.close()
})

async function stock(count: number, topic = 'a', size = 5) {
  await served.hub.publish(Array.from({ length: count }, (_, index) => draft(topic, `${index}`.padStart(size, '0'))))
}

async function read(input: Record<string, unknown> = {}): Promise<EventPage> {
  return structured<EventPage>(await client.callTool({ name: 'read_events', arguments: input }))
}

const texts = ({ events }: EventPage) => events.map(({ data }) => Number(data))

test('a topic that nothing came to is said to be one, and not when there is a place to go on from', async () => {
  await stock(2, 'orders/1')
  for (const topics of [['orders'], ['order/**']]) {
    const nothing = await read({ topics })
    expect(nothing.note).toStartWith('No event that is kept matches.')
    expect((await read({ topics, since: nothing.cursor })).note).toBeUndefined()
  }
  expect((await read({ topics: ['orders/**'] })).note).toBeUndefined()
})

describe('where a page begins', () => {
  test('without since at the newest 20, oldest first, and its cursor is the head', async () => {
    await stock(30)
    const page = await read()
    expect(texts(page)).toEqual(Array.from({ length: 20 }, (_, index) => index + 10))
    expect([page.cursor, page.hasMore, page.truncated, page.note]).toEqual([
      served.hub.cursor(30),
      false,
      false,
      undefined,
    ])
  })

  test('with since after that cursor, at a time, a duration, the earliest, or now', async () => {
    await stock(2)
    clock.pass(600_000)
    const then = new Date(clock.now()).toISOString()
    await stock(3)
    clock.pass(30_000)
    expect((await read({ since: served.hub.cursor(4) })).events.map(({ cursor }) => cursor)).toEqual([
      served.hub.cursor(5),
    ])
    expect(texts(await read({ since: then }))).toEqual([0, 1, 2])
    expect(texts(await read({ since: '10m' }))).toEqual([0, 1, 2])
    expect(texts(await read({ since: 'earliest' }))).toEqual([0, 1, 0, 1, 2])
    expect(await read({ since: 'now' })).toEqual({
      events: [],
      cursor: served.hub.cursor(5),
      hasMore: false,
      truncated: false,
    })
  })

  test('and which topics and types it has', async () => {
    await served.hub.publish([
      draft('orders/1', '1', { type: 'order.paid' }),
      draft('orders/2', '2', { type: 'order.sent' }),
      draft('users/1', '3', { type: 'order.paid' }),
    ])
    expect(texts(await read({ topics: ['orders/*'] }))).toEqual([1, 2])
    expect(texts(await read({ topics: ['orders/*', 'users/1'], types: ['order.paid'] }))).toEqual([1, 3])
    expect(texts(await read({ topics: [], types: ['order.*'], since: '' }))).toEqual([1, 2, 3])
  })
})

describe('what a page says', () => {
  test('that events after since are gone, when retention took them', async () => {
    await stock(120)
    await served.log.trim()
    const gone = await read({ since: served.hub.cursor(1), limit: 2 })
    expect([gone.truncated, texts(gone)]).toEqual([true, [20, 21]])
    expect(gone.note).toContain('Events after since are gone')
    expect((await read({ since: gone.cursor })).truncated).toBe(false)
  })

  test.each([
    ['another log', () => 'zzzzzzzz.1'],
    ['a place that is not there yet', () => served.hub.cursor(3).replace('.3', '.4')],
  ])('that a cursor is of %s, and not that events are gone, of which all are kept', async (_, since) => {
    await stock(3)
    const page = await read({ since: since() })
    expect([page.truncated, page.events, page.cursor]).toEqual([true, [], served.hub.cursor(3)])
    expect(page.note).toBe(
      'since is not a cursor of this hub\'s log (any more), so nothing was read from there. Call read_events with since: "earliest" for all that is kept, or without since for the newest events.',
    )
    expect((await read({ since: page.cursor })).truncated).toBe(false)
  })

  test('long data clipped, with links to the whole where the version has them', async () => {
    await stock(10, 'a', 50_000)
    const asked = { topics: ['a'] }
    const tool = served.tool('read_events')
    const result = (await tool.call(asked, askingOf())) as unknown as LinkedResult
    const page = structured<EventPage>(result)
    expect(page.events).toHaveLength(10)
    for (const { clipped } of page.events) expect(clipped?.bytes).toBe(50_000)
    expect(result.content.map(({ type }) => type)).toEqual(['text', ...Array(5).fill('resource_link')])
    expect(JSON.parse(result.content[0]!.text!)).toEqual(page)
    const whole = await client.readResource({ uri: result.content[1]!.uri! })
    expect(JSON.parse((whole.contents[0] as { text: string }).text).data).toHaveLength(50_000)
    const earlier = (await tool.call(asked, askingOf(undefined, { version: '2025-03-26' }))) as unknown as LinkedResult
    expect(earlier.content).toHaveLength(1)
  })

  test('that older events were left out when the newest ones fill it', async () => {
    const topic = 'x'.repeat(500)
    await stock(40, topic)
    const page = await read({ limit: 40, max_bytes: 4096 })
    expect(page.events.length).toBeLessThan(10)
    expect(page.events.at(-1)!.cursor).toBe(served.hub.cursor(40))
    expect(page.note).toContain('Older events that match were left out')
  })

  test('that there is no memory for it now, when others read', async () => {
    await served.close()
    served = await catalogueHub({ clock, answerBytes: 600 * 1024 })
    client = await served.client()
    await stock(1)
    const other = served.answers.reading(LOCAL)
    let found = (): void => {}
    const looking = other.room.step(0, () => new Promise<void>((resolve) => (found = resolve)))
    const result = await client.callTool({ name: 'read_events', arguments: {} })
    expect([result.isError, JSON.stringify(result.content)]).toEqual([true, expect.stringContaining('[overloaded]')])
    found()
    await looking
    other.release()
    other.release()
    expect(texts(await read())).toEqual([0])
  })
})

test('paging on by the cursor gives every event once, whatever the limits and while others publish', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          limit: fc.integer({ min: 1, max: 100 }),
          max_bytes: fc.integer({ min: 4096, max: 20_000 }),
          publish: fc.integer({ min: 0, max: 4 }),
        }),
        { minLength: 1, maxLength: 12 },
      ),
      async (steps) => {
        const before = served.log.head
        let published = 0
        let since = served.hub.cursor(before)
        const seen: string[] = []
        const take = async (input: Record<string, unknown>) => {
          const page = await read({ topics: ['a'], since, ...input })
          since = page.cursor
          seen.push(...page.events.map(({ cursor }) => cursor))
          return page.hasMore
        }
        for (const { publish, ...input } of steps) {
          published += publish
          const publishing = publish > 0 ? stock(publish, 'a', 1500) : undefined
          await take(input)
          await publishing
        }
        while (await take({ limit: 7, max_bytes: 4096 }));
        expect(seen).toEqual(Array.from({ length: published }, (_, index) => served.hub.cursor(before + index + 1)))
      },
    ),
    { numRuns: 25 },
  )
})
