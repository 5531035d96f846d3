import { afterEach, describe, expect, test } from 'bun:test'
import { keySettings, testKey } from '../../support/access.ts'
import { draftOf } from '../../support/draft.ts'
import { eventTypesOf } from '../../support/event-types.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import type { ServedHubOptions } from '../../support/served-hub.ts'
import { type StatelessHub, statelessHub } from '../../support/stateless-hub.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'
import type { Message } from '../sessions/session-client.ts'
import { connect, EVERY_WAY, topicEvents } from './events-client.ts'

let served: StatelessHub
afterEach(async () => {
  expect(served.reports).toEqual([])
  await served.close()
})

async function serve(options: ServedHubOptions = {}): Promise<StatelessHub> {
  served = await statelessHub(options)
  return served
}

const publish = (...data: unknown[]) =>
  served.hub.publish(data.map((each) => draftOf('orders/1', JSON.stringify(each))))

/** What an agent does: asks again from the last cursor. */
async function poller(name = 'topic.event', args: Record<string, unknown> = { topic: 'orders/**' }) {
  const { ask } = await connect(served.fetch)
  const poll = async (more: Record<string, unknown> = {}): Promise<Message> => {
    const { result, error } = await ask('events/poll', { name, arguments: args, ...more })
    return result ?? error
  }
  return { ask, poll }
}

const dataOf = ({ events }: Message): unknown[] => events.map((each: Message) => each.data.data)

describe.each([...EVERY_WAY])('events/poll in $name', ({ connect: connectWay }) => {
  test('13, 14, 16: begins without history, answers whole when nothing came, and gets on', async () => {
    await serve()
    await publish('before')
    const { ask } = await connectWay(served.fetch)
    const first = await ask('events/poll', topicEvents('orders/**'))
    expect(first.result).toMatchObject({ events: [], truncated: false, hasMore: false })
    expect(first.result.nextPollMs).toBeGreaterThanOrEqual(12_000)
    expect(first.result.nextPollMs).toBeLessThanOrEqual(18_000)
    await publish('one', 'two')
    const second = await ask('events/poll', topicEvents('orders/**', { cursor: first.result.cursor }))
    expect(second.result).toMatchObject({ truncated: false, hasMore: false })
    expect(dataOf(second.result)).toEqual(['one', 'two'])
    const [one] = second.result.events
    expect(one).toMatchObject({ name: 'topic.event', data: { topic: 'orders/1', type: 'message', data: 'one' } })
    expect(one.eventId).toMatch(/^evt_[a-z0-9]+_2$/)
    expect(new Date(one.timestamp).toISOString()).toBe(one.timestamp)
    await served.hub.publish([draftOf('elsewhere')])
    const third = await ask('events/poll', topicEvents('orders/**', { cursor: second.result.cursor }))
    expect(third.result.events).toEqual([])
    expect(third.result.cursor).not.toBe(second.result.cursor)
  })

  test('19: wrong arguments, an unknown type and parameters of the wrong kind are refused', async () => {
    await serve()
    const { ask } = await connectWay(served.fetch)
    const refusals: [Record<string, unknown>, number, unknown][] = [
      [{ name: 'topic.event' }, -32602, { field: 'arguments.topic' }],
      [{ name: 'topic.event', arguments: { topic: 3 } }, -32602, { field: 'arguments.topic' }],
      [{ name: 'topic.event', arguments: { topic: 'a*b' } }, -32602, { field: 'arguments.topic' }],
      [{ name: 'topic.event', arguments: { topic: 'a', types: 'b' } }, -32602, { field: 'arguments.types' }],
      [{ name: 'topic.event', arguments: { topic: 'a', types: ['b c'] } }, -32602, { field: 'arguments.types' }],
      [{ name: 'topic.event', arguments: { topic: 'a', tpoic: 1 } }, -32602, { field: 'arguments' }],
      [{ name: 'topic.event', arguments: [] }, -32602, { field: 'arguments' }],
      [{ arguments: { topic: 'a' } }, -32602, { field: 'name' }],
      [topicEvents('a', { maxEvents: 0 }), -32602, { field: 'maxEvents' }],
      [topicEvents('a', { maxAgeMs: -1 }), -32602, { field: 'maxAgeMs' }],
      [topicEvents('a', { cursor: 7 }), -32602, { field: 'cursor' }],
      [{ name: 'nonsense' }, -32011, { kind: 'event' }],
    ]
    for (const [params, code, data] of refusals) {
      expect([params, (await ask('events/poll', params)).error]).toEqual([
        params,
        expect.objectContaining({ code, data }),
      ])
    }
  })

  test('21: with timeoutMs answers at once when an event comes, and empty when the time is over', async () => {
    await serve()
    const { ask } = await connectWay(served.fetch)
    const { cursor } = (await ask('events/poll', topicEvents('orders/**'))).result
    const began = performance.now()
    const empty = (await ask('events/poll', topicEvents('orders/**', { cursor, timeoutMs: 300 }))).result
    expect(performance.now() - began).toBeGreaterThanOrEqual(295)
    expect(empty.events).toEqual([])
    for (const from of [cursor, null]) {
      const waiting = ask('events/poll', topicEvents('orders/**', { cursor: from, timeoutMs: 20_000 }))
      await until('it to wait', () => served.hub.connections === 1 || undefined)
      await served.hub.publish([draftOf('elsewhere')])
      await publish('woken')
      expect(dataOf((await waiting).result).at(-1)).toBe('woken')
      await until('its place to be free', () => served.hub.connections === 0)
    }
  })
})

describe('events/poll', () => {
  test('15: drained by small pages gives every event once and in order, from intermediate cursors', async () => {
    await serve()
    const { poll } = await poller()
    let { cursor } = await poll()
    const sent = Array.from({ length: 25 }, (_, index) => index)
    await publish(...sent)
    const got: unknown[] = []
    const sizes: number[] = []
    for (;;) {
      const page = await poll({ cursor, maxEvents: 10 })
      got.push(...dataOf(page))
      sizes.push(page.events.length)
      cursor = page.cursor
      if (!page.hasMore) break
    }
    expect([sizes, got]).toEqual([[10, 10, 5], sent])
  })

  test('15: gives 100 events when no number is asked for, and never more than 1,000', async () => {
    await serve()
    const { poll } = await poller()
    const { cursor } = await poll()
    await publish(...Array.from({ length: 1005 }, (_, index) => index))
    for (const [maxEvents, most] of [
      [undefined, 100],
      [5000, 1000],
    ]) {
      const page = await poll({ cursor, maxEvents })
      expect([page.events.length, page.hasMore]).toEqual([most!, true])
    }
  })

  test('15: an answer stays below 1 MiB, with as many events as fit', async () => {
    await serve()
    const { ask } = await connect(served.fetch)
    let { cursor } = (await ask('events/poll', topicEvents('orders/**'))).result
    // Quotes double their size in an answer that has the data as text again.
    await publish(...Array.from({ length: 9 }, (_, index) => `${index}${'x'.repeat(250_000)}`))
    const got: string[] = []
    for (let rounds = 0; rounds < 10; rounds++) {
      const answer = await served.ask('events/poll', topicEvents('orders/**', { cursor }))
      const text = await answer.text()
      expect(Buffer.byteLength(text)).toBeLessThan(1024 * 1024)
      const { result } = JSON.parse(text)
      got.push(...result.events.map((each: Message) => each.data.data[0]))
      cursor = result.cursor
      if (!result.hasMore) break
      expect(result.events.length).toBeGreaterThan(0)
    }
    expect(got).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8'])
  })

  test('17: a cursor that retention overtook gives what is kept, marked as truncated', async () => {
    await serve({ retention: { maxEvents: 3 } })
    const { poll } = await poller()
    const { cursor } = await poll()
    await publish(1, 2, 3, 4, 5)
    await served.log.trim()
    const page = await poll({ cursor })
    expect([page.truncated, dataOf(page)]).toEqual([true, [3, 4, 5]])
    expect(await poll({ cursor: page.cursor })).toMatchObject({ events: [], truncated: false })
  })

  test('17: a cursor of nowhere gives a fresh one, marked as truncated, and never an error', async () => {
    await serve()
    await publish(1)
    const { poll } = await poller()
    const { cursor: fresh } = await poll()
    const [epoch] = fresh.split('.')
    for (const cursor of ['', 'nonsense', 'zzzzzzzz.1', `${epoch}.999`, 'x'.repeat(10_000), '\0', `${epoch}.-1`]) {
      const page = await poll({ cursor })
      expect([cursor.slice(0, 20), page.truncated, page.cursor, page.events]).toEqual([
        cursor.slice(0, 20),
        true,
        fresh,
        [],
      ])
    }
  })

  test('18: another process of the same log answers the same', async () => {
    using dir = tempDir()
    await serve({ directory: dir.path })
    const { poll } = await poller()
    const { cursor } = await poll()
    await publish('a', 'b', 'c')
    const strip = ({ nextPollMs: _, ...rest }: Message) => rest
    const before = strip(await poll({ cursor, maxEvents: 2 }))
    await served.close()
    await serve({ directory: dir.path })
    expect(strip(await (await poller()).poll({ cursor, maxEvents: 2 }))).toEqual(before)
    expect(dataOf(await (await poller()).poll({ cursor: before.cursor }))).toEqual(['c'])
  })

  test('20: maxAgeMs leaves out what is older and says so, and does not count without a cursor', async () => {
    const clock = new ManualClock()
    await serve({ clock, now: () => clock.now() })
    const { poll } = await poller()
    const { cursor } = await poll()
    await publish('old')
    clock.pass(60_000)
    await publish('young')
    const page = await poll({ cursor, maxAgeMs: 30_000 })
    expect([page.truncated, dataOf(page)]).toEqual([true, ['young']])
    const all = await poll({ cursor, maxAgeMs: 90_000 })
    expect([all.truncated, dataOf(all)]).toEqual([false, ['old', 'young']])
    expect(await poll({ cursor: page.cursor, maxAgeMs: 0 })).toMatchObject({ events: [], truncated: false })
    expect(await poll({ maxAgeMs: 90_000 })).toMatchObject({ events: [], truncated: false })
    expect(await poll({ cursor: 'nonsense', maxAgeMs: 90_000 })).toMatchObject({ events: [], truncated: true })
  })

  test('21: without timeoutMs answers at once, with a hub that has no place for a wait too', async () => {
    // Time stands still: what waits, waits for ever.
    await serve({ limits: { connections: 0 }, clock: new ManualClock() })
    const { poll } = await poller()
    const { cursor } = await poll({ timeoutMs: 20_000 })
    expect((await poll({ cursor, timeoutMs: 20_000 })).events).toEqual([])
  })

  test('21, 27: a poll whose caller has gone gives its place back', async () => {
    await serve()
    for (const { connect: connectWay } of EVERY_WAY.slice(0, 2)) {
      const abort = new AbortController()
      const fetchAborted = (path: string, init?: RequestInit) =>
        served.fetch(path, { ...init, ...(waiting ? { signal: abort.signal } : {}) })
      let waiting = false
      const { ask } = await connectWay(fetchAborted)
      waiting = true
      const gone = ask('events/poll', topicEvents('a', { timeoutMs: 20_000 })).catch(() => 'gone')
      await until('it to wait', () => served.hub.connections === 1)
      abort.abort()
      expect(await gone).toBe('gone')
      await until('its place to be free', () => served.hub.connections === 0)
    }
  })

  test('15, 63: a filter that few events pass gets on by many at once, and never past one that does', async () => {
    const types = eventTypesOf({
      name: 'build',
      topic: 'builds',
      properties: { branch: { type: 'string' } },
      filters: { branch: '/branch' },
    })
    await serve({ eventTypes: types.declared })
    const { poll } = await poller('build', { branch: 'main' })
    let { cursor } = await poll()
    const branches = Array.from({ length: 2500 }, (_, index) => (index % 800 === 799 ? 'main' : 'other'))
    for (let from = 0; from < branches.length; from += 500) {
      await served.hub.publish(
        branches.slice(from, from + 500).map((branch) => draftOf('builds', JSON.stringify({ branch }))),
      )
    }
    const got: Message[] = []
    let rounds = 0
    for (;;) {
      const page = await poll({ cursor, maxEvents: 1 })
      got.push(...page.events)
      cursor = page.cursor
      rounds++
      if (!page.hasMore) break
    }
    expect(got.map(({ eventId }) => Number(eventId.split('_')[2]))).toEqual([800, 1600, 2400])
    expect(rounds).toBeLessThan(10)
  })

  test('47: a credential that ends while it waits is told Forbidden, and so is one that may not read', async () => {
    const clock = new ManualClock()
    const brief = testKey('brief', { subscribe: ['orders/**'] }, clock.now() + 5000)
    const other = testKey('other', { subscribe: ['else/**'] })
    await serve({ access: keySettings([brief, other]), clock, now: () => clock.now() })
    const asBrief = await connect(served.fetch, { key: brief.text })
    const waiting = asBrief.ask('events/poll', topicEvents('orders/1', { timeoutMs: 20_000 }))
    await until('it to wait', () => served.hub.connections === 1)
    clock.pass(7000)
    const waited = await waiting
    expect(waited.error).toEqual({ code: -32012, message: 'Forbidden', data: { reason: expect.any(String) } })
    const asOther = await connect(served.fetch, { key: other.text })
    const { error } = await asOther.ask('events/poll', topicEvents('orders/1'))
    expect([error.code, error.message]).toEqual([-32012, 'Forbidden'])
    expect(error.data.reason).not.toContain('orders')
  })

  test('48: what one principal polls is narrowed to what it may read', async () => {
    const alice = testKey('alice', { subscribe: ['*/alice'], types: ['order.*'] })
    await serve({ access: keySettings([alice]) })
    const { ask } = await connect(served.fetch, { key: alice.text })
    const { cursor } = (await ask('events/poll', topicEvents('**'))).result
    await served.hub.publish([
      draftOf('orders/alice', '1', { type: 'order.paid' }),
      draftOf('orders/bob', '2', { type: 'order.paid' }),
      draftOf('orders/alice', '3', { type: 'note' }),
    ])
    expect(dataOf((await ask('events/poll', topicEvents('**', { cursor }))).result)).toEqual([1])
  })
})
