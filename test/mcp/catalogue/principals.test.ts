import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { Client } from '@modelcontextprotocol/client'
import type { Principal } from '../../../src/core/principal.ts'
import type { EventPage } from '../../../src/mcp/catalogue/event-page.ts'
import { type CatalogueHub, catalogueHub, principalWith, structured } from '../../support/catalogue-hub.ts'
import { draft } from '../../support/hub.ts'
import { until } from '../../support/until.ts'

/** Nothing of the other one's may be in anything that one of them is told. */
const SIDES = ['left', 'right'] as const
type Side = (typeof SIDES)[number]

let served: CatalogueHub
let clients: Record<Side, Client>

beforeEach(async () => {
  served = await catalogueHub()
  const of = (side: Side): Principal => principalWith(side, { publish: [`${side}/**`], subscribe: [`${side}/**`] })
  clients = { left: await served.client(of('left')), right: await served.client(of('right')) }
})
afterEach(() => served.close())

const other = (side: Side): Side => (side === 'left' ? 'right' : 'left')
const payload = (side: Side) => `payload of ${side}`

async function stock(): Promise<void> {
  for (let number = 0; number < 3; number++) {
    await served.hub.publish(
      SIDES.map((side) => draft(`${side}/topic-of-${side}`, payload(side), { type: `kind.${side}` })),
    )
  }
}

/** The text of what a request gives, or of its refusal. */
async function told(request: Promise<unknown>): Promise<string> {
  return JSON.stringify(
    await request.catch((error: Error & { code?: number; data?: unknown }) => [error.code, error.message, error.data]),
  )
}

describe.each([...SIDES])('%s', (side) => {
  test('is told nothing of the other one, whatever it asks for', async () => {
    await stock()
    const client = clients[side]
    const foreign = other(side)
    const uri = `events://topics/${foreign}/topic-of-${foreign}`
    const offset = served.log.head - (side === 'left' ? 0 : 1)
    const call = (name: string, input: Record<string, unknown>) => told(client.callTool({ name, arguments: input }))
    const complete = (value: string) =>
      told(
        client.complete({
          ref: { type: 'ref/resource', uri: 'events://topics/{+topic}' },
          argument: { name: 'topic', value },
        }),
      )
    const answers = [
      await told(client.listTools()),
      await told(client.listResources()),
      await told(client.readResource({ uri: 'events://topics' })),
      await told(client.readResource({ uri: 'events://topics/**' })),
      await told(client.readResource({ uri: 'events://topics/*/**' })),
      await told(client.readResource({ uri: `events://events/${served.hub.cursor(offset)}` })),
      await complete(''),
      await call('list_topics', {}),
      await call('list_topics', { limit: 1 }),
      await call('read_events', {}),
      await call('read_events', { topics: ['**'], since: 'earliest' }),
      await call('read_events', { types: ['kind.*'] }),
      await call('wait_for_event', { since: served.hub.cursor(0) }),
      await call('hub_status', {}),
    ]
    for (const answer of answers) {
      expect(answer).not.toContain(payload(foreign))
      expect(answer).not.toContain(`${foreign}/`)
      expect(answer).not.toContain(`kind.${foreign}`)
    }
    expect(answers[9]).toContain(payload(side))
    expect(answers[12]).toContain(payload(side))
    // What it names itself comes back to it, and no more.
    for (const answer of [
      await told(client.readResource({ uri })),
      await complete(`${foreign}/`),
      await call('read_events', { topics: [`${foreign}/topic-of-${foreign}`] }),
    ]) {
      expect(answer).not.toContain(payload(foreign))
      expect(answer).not.toContain(`topic-of-${foreign}`)
    }
  })

  test('is told the same of what is the other one’s and of what is not there', async () => {
    await stock()
    const client = clients[side]
    const foreign = other(side)
    const offset = served.log.head - (side === 'left' ? 0 : 1)
    const pairs: [Promise<unknown>, Promise<unknown>][] = [
      [`${foreign}/topic-of-${foreign}`, `${foreign}/nothing`],
      [`${foreign}/*`, `none/*`],
    ].flatMap(([there, absent]): [Promise<unknown>, Promise<unknown>][] => {
      const both = (ask: (topic: string) => Promise<unknown>): [Promise<unknown>, Promise<unknown>] => [
        ask(there!),
        ask(absent!),
      ]
      return [
        both((topic) => client.readResource({ uri: `events://topics/${topic}` })),
        both((topic) => client.callTool({ name: 'read_events', arguments: { topics: [topic] } })),
        both((topic) => client.callTool({ name: 'wait_for_event', arguments: { topics: [topic] } })),
        both((topic) => client.callTool({ name: 'list_topics', arguments: { pattern: topic } })),
        both((topic) =>
          client.callTool({ name: 'publish_event', arguments: { topic: topic.replace('*', 'x'), data: 1 } }),
        ),
        both((topic) => client.getPrompt({ name: 'watch_topic', arguments: { topic } })),
        both((value) =>
          client.complete({ ref: { type: 'ref/prompt', name: 'watch_topic' }, argument: { name: 'topic', value } }),
        ),
      ]
    })
    for (const [there, absent] of pairs) expect(await told(there)).toBe(await told(absent))
    const [event, none] = await Promise.all(
      [offset, 999].map((place) => told(client.readResource({ uri: `events://events/${served.hub.cursor(place)}` }))),
    )
    expect(event).toContain('There is no such event')
    expect(event!.replace(served.hub.cursor(offset), '')).toBe(none!.replace(served.hub.cursor(999), ''))
  })
})

test('both wait for everything, and each is woken by its own', async () => {
  const waits = SIDES.map((side) => clients[side].callTool({ name: 'wait_for_event', arguments: { topics: ['**'] } }))
  await until('both to wait', () => served.hub.connections === 2)
  await served.hub.publish([draft('right/1', payload('right'))])
  const right = structured<EventPage>(await waits[1]!)
  expect(right.events.map(({ data }) => data)).toEqual([payload('right')])
  expect(served.hub.connections).toBe(1)
  await served.hub.publish([draft('right/1', 'again'), draft('left/1', payload('left'))])
  expect(structured<EventPage>(await waits[0]!).events.map(({ data }) => data)).toEqual([payload('left')])
})

describe('a credential for some types', () => {
  test('learns nothing of events of other types, and not which topics have them', async () => {
    const client = await served.client(principalWith('typed', { subscribe: ['**'], types: ['order.*'] }))
    await served.hub.publish([
      draft('orders/1', 'mine', { type: 'order.paid' }),
      draft('orders/1', 'hidden', { type: 'note' }),
      draft('notes/1', 'hidden', { type: 'note' }),
    ])
    const call = (name: string, input: Record<string, unknown> = {}) =>
      told(client.callTool({ name, arguments: input }))
    const answers = [
      await call('read_events'),
      await call('wait_for_event', { since: served.hub.cursor(0) }),
      await told(client.listResources()),
      await told(client.readResource({ uri: 'events://topics' })),
      await told(client.readResource({ uri: 'events://topics/**' })),
      await told(client.readResource({ uri: 'events://topics/notes/1' })),
    ]
    for (const answer of answers) expect(answer).not.toMatch(/hidden|"note"/)
    for (const answer of answers.slice(0, 5)) expect(answer).toContain('orders/1')
    for (const answer of answers.slice(0, 5)) expect(answer).not.toContain('notes/1')
    expect(answers[3]).toContain(served.hub.cursor(1))
    expect(await call('list_topics')).toContain('There is no tool')
    expect(await call('read_events', { types: ['note'] })).toContain('may not read these types; it may read order.*')
    expect(await told(client.readResource({ uri: `events://events/${served.hub.cursor(2)}` }))).toContain(
      'There is no such event',
    )
    expect(await told(client.readResource({ uri: `events://events/${served.hub.cursor(1)}` }))).toContain('mine')
    const completed = await client.complete({
      ref: { type: 'ref/resource', uri: 'events://topics/{+topic}' },
      argument: { name: 'topic', value: '' },
    })
    expect(completed.completion.values).toEqual([])
  })
})

test('a list of topics goes on where it ended, by a token that says nothing', async () => {
  await served.hub.publish([
    ...Array.from({ length: 5 }, (_, index) => draft(`left/${index}`, 'x')),
    draft('right/1', 'x'),
  ])
  const seen: string[] = []
  let page: string | undefined
  do {
    const answer = structured<{ topics: { topic: string; events: number }[]; next?: string }>(
      await clients.left.callTool({ name: 'list_topics', arguments: { limit: 2, ...(page ? { page } : {}) } }),
    )
    seen.push(...answer.topics.map(({ topic }) => topic))
    page = answer.next
    if (page) expect(Buffer.from(page, 'base64url').toString('latin1')).not.toContain('left')
  } while (page)
  expect(seen).toEqual(['left/0', 'left/1', 'left/2', 'left/3', 'left/4'])
})
