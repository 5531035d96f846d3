import { afterEach, describe, expect, test } from 'bun:test'
import { MAX_CALLS } from '../../../src/mcp/eras/sessions/in-flight.ts'
import { keySettings, testKey } from '../../support/access.ts'
import { draftOf } from '../../support/draft.ts'
import { eventTypesOf } from '../../support/event-types.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import type { ServedHubOptions } from '../../support/served-hub.ts'
import { StallingReader } from '../../support/stalling-reader.ts'
import { headerLines, type StatelessHub, statelessHub, statelessRequest } from '../../support/stateless-hub.ts'
import { until } from '../../support/until.ts'
import { SessionClient } from '../sessions/session-client.ts'
import { connect, dataOf, EVERY_WAY, first, kindOf, SUBSCRIPTION_ID, topicEvents } from './events-client.ts'

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

const idle = () => until('all places to be free', () => served.hub.connections === 0)

/** A clock that stands still is moved on, with turns of the event loop between. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 1000) {
    clock.pass(Math.min(1000, left))
    await clock.yield()
  }
}

describe.each([...EVERY_WAY])('events/stream in $name', ({ name, connect: connectWay }) => {
  const stateless = name === '2026-07-28'

  test('22, 23, 26: says active first, then every event as it comes, all with the id of the request', async () => {
    await serve()
    await publish('before')
    const { stream } = await connectWay(served.fetch)
    for (const id of [12, 'twelve']) {
      const one = await stream(topicEvents('orders/**'), id)
      const [active] = await first(one, 1)
      expect(active).toEqual({
        jsonrpc: '2.0',
        method: 'notifications/events/active',
        params: { cursor: served.hub.cursor(served.log.head), truncated: false, _meta: { [SUBSCRIPTION_ID]: id } },
      })
      await publish('one', 'two')
      await served.hub.publish([draftOf('elsewhere')])
      const [, ...events] = await first(one, 3)
      expect(dataOf(events)).toEqual(['one', 'two'])
      for (const { params } of events) {
        expect(params.cursor).toMatch(/^[a-z0-9]+\.\d+$/)
        expect(params.eventId).toBe(`evt_${params.cursor.replace('.', '_')}`)
        expect(params._meta).toEqual({ [SUBSCRIPTION_ID]: id })
      }
      await one.cancel()
      if (name !== '2024-11-05') await idle()
    }
  })

  test('25: what cannot be asked for is answered with an error, and opens nothing', async () => {
    await serve()
    const { ask } = await connectWay(served.fetch)
    const before = served.hub.connections
    const nobody = await ask('events/stream', { name: 'nonsense' })
    expect(nobody.error).toMatchObject({ code: -32011, message: 'NotFound', data: { kind: 'event' } })
    expect((await ask('events/stream', topicEvents('a*'))).error.code).toBe(-32602)
    expect((await ask('events/stream', topicEvents('a', { cursor: 5 }))).error.code).toBe(-32602)
    expect(served.hub.connections).toBe(before)
  })

  test('27: is freed when it is cancelled or its client has gone', async () => {
    await serve()
    const client = await connectWay(served.fetch)
    // The stream of 2024-11-05 is a connection of its own.
    const before = served.hub.connections
    for (let id = 1; id <= 3; id++) {
      const one = await client.stream(topicEvents('orders/1'), id)
      await first(one, 1)
      expect(served.hub.connections).toBe(before + 1)
      await one.cancel()
      await until('its place to be free', () => served.hub.connections === before)
      await publish('nobody')
      expect(dataOf(one.messages())).toEqual([])
    }
  })

  test('28: an overtaken cursor, and one of nowhere, are said with active and truncated, and it goes on', async () => {
    await serve({ retention: { maxEvents: 3 } })
    const begun = served.hub.cursor(0)
    await publish(1, 2, 3, 4, 5)
    await served.log.trim()
    const { stream } = await connectWay(served.fetch)
    const old = await stream(topicEvents('orders/**', { cursor: begun }), 1)
    const [active, ...rest] = await first(old, 4)
    expect(active!.params).toMatchObject({ cursor: served.hub.cursor(2), truncated: true })
    expect(dataOf(rest)).toEqual([3, 4, 5])
    const foreign = await stream(topicEvents('orders/**', { cursor: 'zzzz.1' }), 2)
    const [fresh] = await first(foreign, 1)
    expect([fresh!.params.truncated, fresh!.params.cursor]).toEqual([true, served.hub.cursor(5)])
    await publish(6)
    expect(dataOf(await first(foreign, 2))).toEqual([6])
    expect(dataOf(await first(old, 5))).toEqual([3, 4, 5, 6])
    for (const each of [old, foreign]) await each.cancel()
  })

  test('29, 30, 47, 65: a credential that ends or counts no more is told Forbidden, then the result', async () => {
    const key = testKey('revoked', { subscribe: ['orders/**'] })
    const other = testKey('other', {})
    await serve({ access: keySettings([key, other]) })
    const { stream } = await connectWay(served.fetch, { key: key.text })
    const one = await stream(topicEvents('orders/1'), 'r')
    await first(one, 1)
    await served.reload(keySettings([other]))
    await until('the end', () => one.ended())
    const [, terminated, result] = one.messages()
    expect(terminated).toMatchObject({ method: 'notifications/events/terminated' })
    const reason = expect.stringContaining('no longer accepted')
    expect(terminated!.params.error).toEqual({ code: -32012, message: 'Forbidden', data: { reason } })
    expect(terminated!.params._meta).toEqual({ [SUBSCRIPTION_ID]: 'r' })
    // A session whose credential was revoked has ended, with an answer of its own.
    if (stateless) expect(result).toMatchObject({ id: 'r', result: { _meta: { [SUBSCRIPTION_ID]: 'r' } } })
    expect(one.messages().length).toBe(3)
  })

  test('30: when the server stops, each is told with its typed result', async () => {
    await serve()
    const { stream } = await connectWay(served.fetch)
    const streams = [await stream(topicEvents('a'), 1), await stream(topicEvents('b'), 'two')]
    for (const each of streams) await first(each, 1)
    await served.mcp.drain()
    for (const each of streams) await until('the end', () => each.ended())
    const [a, b] = streams.map((each) => each.messages().at(-1))
    expect([a!.id, b!.id]).toEqual([1, 'two'])
    expect([a!.result._meta[SUBSCRIPTION_ID], b!.result._meta[SUBSCRIPTION_ID]]).toEqual([1, 'two'])
    expect(a!.result.resultType).toBe(stateless ? 'complete' : undefined)
  })

  test('31: many are open at once beside other calls, and one too many is told how many there may be', async () => {
    const count = MAX_CALLS + 6
    const limits = { connections: name === '2024-11-05' ? count + 1 : count }
    await serve({ limits })
    const { stream, ask } = await connectWay(served.fetch)
    const streams = await Promise.all(
      Array.from({ length: count }, (_, index) => stream(topicEvents(`t/${index}`), `s${index}`)),
    )
    for (const each of streams) await first(each, 1)
    expect((await ask('events/poll', topicEvents('a'))).result.events).toEqual([])
    const { error } = await ask('events/stream', topicEvents('a'))
    const data = { limit: 'connections', max: limits.connections }
    expect(error).toMatchObject({ code: -32013, message: 'ResourceExhausted', data })
    await served.hub.publish([draftOf('t/3', '"three"')])
    expect(dataOf(await first(streams[3]!, 2))).toEqual(['three'])
    expect(streams[4]!.messages().length).toBe(1)
    for (const each of streams) await each.cancel()
  })

  test('32: replays after a cursor, then goes on live, without a hole or a repetition', async () => {
    await serve({ limits: { tailBytes: 4096, maxQueueBytes: 8192 }, mcpLimits: { maxQueueBytes: 16 * 1024 } })
    const start = served.hub.cursor(0)
    let sent = 0
    const more = async (count: number) => {
      for (let batch = 0; batch < count; batch++) {
        await publish(...Array.from({ length: 20 }, () => ({ number: sent++, filler: 'x'.repeat(200) })))
      }
    }
    await more(50)
    const { stream } = await connectWay(served.fetch)
    const one = await stream(topicEvents('orders/**', { cursor: start }), 1)
    await more(50)
    const numbers = () => (dataOf(one.messages()) as { number: number }[]).map(({ number }) => number)
    await until('all events', () => numbers().length >= sent)
    expect(numbers()).toEqual(Array.from({ length: sent }, (_, index) => index))
    await one.cancel()
  })
})

describe('events/stream', () => {
  test('24: says a heartbeat with the place it has come to, as data, also while others are told', async () => {
    const clock = new ManualClock()
    const types = eventTypesOf({
      name: 'build',
      topic: 'builds',
      properties: { branch: { type: 'string' } },
      filters: { branch: '/branch' },
    })
    await serve({ clock, now: () => clock.now(), eventTypes: types.declared })
    const { stream } = await connect(served.fetch)
    const quiet = await stream(topicEvents('orders/**'), 1)
    const busy = await stream({ name: 'build', arguments: { branch: 'main' } }, 2)
    await Promise.all([first(quiet, 1), first(busy, 1)])
    for (let second = 0; second < 60; second++) {
      await served.hub.publish([draftOf('builds', '{"branch":"other"}')])
      await pass(clock, 1000)
    }
    const beats = (one: typeof quiet) => one.messages().filter((message) => kindOf(message) === 'heartbeat')
    await until('heartbeats', () => beats(quiet).length >= 3 && beats(busy).length >= 3)
    const places = beats(busy).map(({ params }) => Number(params.cursor.split('.')[1]))
    expect(places).toEqual(places.toSorted((a, b) => a - b))
    expect(places.at(-1)).toBeGreaterThan(30)
    expect(Number(beats(quiet).at(-1)!.params.cursor.split('.')[1])).toBeGreaterThan(30)
    const { result } = await (await connect(served.fetch)).ask('events/poll', {
      ...topicEvents('orders/**'),
      cursor: beats(quiet).at(-1)!.params.cursor,
    })
    expect(result.truncated).toBe(false)
  })

  test('27: an old age of the hub’s own subscription is nothing to the client', async () => {
    const clock = new ManualClock()
    await serve({ clock, now: () => clock.now(), limits: { maxAgeMs: 60_000, heartbeatMs: 600_000 } })
    const { stream } = await connect(served.fetch)
    const one = await stream(topicEvents('orders/**'), 1)
    await first(one, 1)
    for (let round = 0; round < 4; round++) {
      await publish(round)
      await pass(clock, 90_000)
    }
    await publish('last')
    const [active, ...rest] = await first(one, 6)
    expect(kindOf(active!)).toBe('active')
    expect(dataOf(rest)).toEqual([0, 1, 2, 3, 'last'])
    expect(one.messages().length).toBe(6)
    expect(served.hub.connections).toBe(1)
  })

  test('20: maxAgeMs leaves out what is older, and the first active says so', async () => {
    const clock = new ManualClock()
    await serve({ clock, now: () => clock.now() })
    await publish('old')
    clock.pass(60_000)
    await publish('young')
    const { stream } = await connect(served.fetch)
    const one = await stream(topicEvents('orders/**', { cursor: served.hub.cursor(0), maxAgeMs: 30_000 }), 1)
    const [active, event] = await first(one, 2)
    expect(active!.params).toMatchObject({ cursor: served.hub.cursor(1), truncated: true })
    expect(dataOf([event!])).toEqual(['young'])
    const live = await stream(topicEvents('orders/**', { maxAgeMs: 90_000 }), 2)
    expect((await first(live, 1))[0]!.params.truncated).toBe(false)
  })

  test('28: a gap in the middle is a second active with truncated', async () => {
    // Time stands still: a reader that is overtaken is not cut off meanwhile.
    await serve({ retention: { maxEvents: 5 }, limits: { tailBytes: 4096 }, clock: new ManualClock() })
    const { body, headers } = statelessRequest('events/stream', topicEvents('orders/**'))
    const reader = await StallingReader.stalled(served.port, '/mcp', {
      needle: '"truncated":false',
      headers: headerLines(headers),
      body,
    })
    for (let round = 0; round < 400; round++) await publish(...Array.from({ length: 10 }, () => 'x'.repeat(4000)))
    await served.log.trim()
    reader.resume()
    await publish('and on')
    await until('it to go on', () => reader.text.includes('and on'))
    const [, cursor] = /events\/active","params":\{"cursor":"[a-z0-9]+\.(\d+)","truncated":true/.exec(reader.text) ?? []
    // Five are kept, with or without the last one.
    expect(['3995', '3996']).toContain(cursor!)
    reader.hangUp()
    await idle()
  })

  test('32: a reader that is slow is given all of a long replay, whatever carries it', async () => {
    const rounds = 300
    await serve({ clock: new ManualClock() })
    const start = served.hub.cursor(0)
    for (let round = 0; round < rounds; round++) await publish(...Array.from({ length: 10 }, () => 'x'.repeat(4000)))
    await publish('the last one')
    const params = topicEvents('orders/**', { cursor: start })
    const ofSession = await SessionClient.begun(served.fetch)
    const requests = [
      statelessRequest('events/stream', params),
      {
        headers: {
          'content-type': 'application/json',
          'mcp-session-id': ofSession.id,
          'mcp-protocol-version': ofSession.version,
        },
        body: JSON.stringify(ofSession.request('events/stream', params)),
      },
    ]
    for (const { headers, body } of requests) {
      const needle = '"truncated":false'
      const reader = await StallingReader.stalled(served.port, '/mcp', { needle, headers: headerLines(headers), body })
      // Long enough for whatever does not wait to be written ahead of the reader.
      for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve))
      reader.resume()
      await until('the last event', () => reader.text.includes('the last one'))
      expect(reader.bytes).toBeGreaterThan(rounds * 10 * 4000)
      expect(reader.closed).toBe(false)
      reader.hangUp()
    }
    await idle()
  })

  test('a reader that takes nothing is cut off, holds little meanwhile, and delays nobody', async () => {
    const clock = new ManualClock()
    await serve({ clock, limits: { maxStallMs: 1000 }, mcpLimits: { maxStallMs: 1000 } })
    const { body, headers } = statelessRequest('events/stream', topicEvents('orders/**'))
    const stalled = await StallingReader.stalled(served.port, '/mcp', {
      needle: '"truncated":false',
      headers: headerLines(headers),
      body,
    })
    const { stream } = await connect(served.fetch)
    const healthy = await stream(topicEvents('orders/**'), 'healthy')
    await first(healthy, 1)
    let sent = 0
    while (served.hub.connections > 1) {
      expect(sent).toBeLessThan(4000)
      await publish(...Array.from({ length: 10 }, () => 'x'.repeat(10_000)))
      sent += 10
      await until('the healthy one to have all', () => dataOf(healthy.messages()).length === sent)
      // Only now: what a reader has not taken by then, it does not take.
      await pass(clock, 100)
    }
    expect(healthy.ended()).toBe(false)
    stalled.hangUp()
  }, 60_000)

  test('29: an expired credential is told Forbidden by its stream, and the stream ends', async () => {
    const clock = new ManualClock()
    const brief = testKey('brief', { subscribe: ['orders/**'] }, clock.now() + 5000)
    await serve({ access: keySettings([brief]), clock, now: () => clock.now() })
    const { stream } = await connect(served.fetch, { key: brief.text, declares: true })
    const one = await stream(topicEvents('orders/1'), 5)
    await first(one, 1)
    await pass(clock, 7000)
    await until('the end', () => one.ended())
    const [, terminated, result] = one.messages()
    expect(terminated!.params.error).toMatchObject({ code: -32024, message: 'Forbidden' })
    expect(result).toMatchObject({ id: 5, result: { resultType: 'complete' } })
    await idle()
  })

  test('65: grants that change end it with Forbidden', async () => {
    const key = testKey('reader', { subscribe: ['orders/**'] })
    await serve({ access: keySettings([key]) })
    const { stream } = await connect(served.fetch, { key: key.text })
    const one = await stream(topicEvents('orders/1'), 5)
    await first(one, 1)
    const narrower = {
      ...key,
      settings: { ...key.settings, grants: testKey('x', { subscribe: ['else'] }).settings.grants },
    }
    await served.reload(keySettings([narrower]))
    await until('the end', () => one.ended())
    expect(one.messages().map(kindOf)).toEqual(['active', 'terminated', undefined])
    const again = await (await connect(served.fetch, { key: key.text })).ask('events/stream', topicEvents('orders/1'))
    expect(again.error.message).toBe('Forbidden')
  })

  test('31: streams of one principal are bounded as its other connections are', async () => {
    const key = testKey('reader', { subscribe: ['**'] })
    await serve({ access: keySettings([key]), limits: { connectionsPerPrincipal: 2 } })
    const { stream, ask } = await connect(served.fetch, { key: key.text })
    const streams = [await stream(topicEvents('a'), 1), await stream(topicEvents('b'), 2)]
    for (const each of streams) await first(each, 1)
    const data = { limit: 'connections_per_principal', max: 2 }
    expect((await ask('events/stream', topicEvents('c'))).error).toMatchObject({ message: 'ResourceExhausted', data })
    await streams[0]!.cancel()
    await until('a place to be free', () => served.hub.connections === 1)
    await first(await stream(topicEvents('c'), 3), 1)
  })

  test('48: two principals are told of what each may read, and of nothing else', async () => {
    const alice = testKey('alice', { subscribe: ['alice/**', 'shared'] })
    const bob = testKey('bob', { subscribe: ['bob/**', 'shared'] })
    await serve({ access: keySettings([alice, bob]) })
    const streams = await Promise.all(
      [alice, bob].map(async ({ text }) => (await connect(served.fetch, { key: text })).stream(topicEvents('**'), 1)),
    )
    for (const each of streams) await first(each, 1)
    await served.hub.publish(['alice/1', 'bob/1', 'shared'].map((topic) => draftOf(topic, JSON.stringify(topic))))
    for (const each of streams) await first(each, 3)
    expect(streams.map((each) => dataOf(each.messages()))).toEqual([
      ['alice/1', 'shared'],
      ['bob/1', 'shared'],
    ])
  })

  test('31: the calls that a session may have in flight leave room for streams', async () => {
    await serve()
    const client = await SessionClient.begun(served.fetch)
    const polls = Array.from({ length: MAX_CALLS }, () =>
      client.stream(client.request('events/poll', topicEvents('nothing', { timeoutMs: 20_000 }))),
    )
    await until('all to wait', () => served.hub.connections === MAX_CALLS)
    const refused = await client.post(client.request('events/poll', topicEvents('nothing')))
    expect(refused.status).toBe(503)
    const one = await client.stream(client.request('events/stream', topicEvents('orders/1')))
    await one.message('active', (message) => kindOf(message) === 'active')
    await served.hub.publish([draftOf('nothing')])
    for (const poll of polls) await (await poll).end()
    one.drop()
    await idle()
  })

  test('27: of a session it ends with notifications/cancelled too, and its session goes on', async () => {
    await serve()
    const client = await SessionClient.begun(served.fetch)
    const one = await client.stream(client.request('events/stream', topicEvents('orders/1'), 'mine'))
    await one.message('active', (message) => kindOf(message) === 'active')
    await client.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'mine' } })
    await one.end()
    await idle()
    expect(one.messages.length).toBe(1)
    expect((await (await client.post(client.request('events/list'))).json()).result.events.length).toBe(1)
  })

  test('is a stream with its head at once', async () => {
    await serve()
    const { response } = await served.stream('events/stream', topicEvents('a'))
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    })
  })
})
