import { afterEach, describe, expect, test } from 'bun:test'
import { keySettings, testKey } from '../../support/access.ts'
import { draftOf } from '../../support/draft.ts'
import { type EventTypeText, eventTypesOf } from '../../support/event-types.ts'
import type { ServedHubOptions } from '../../support/served-hub.ts'
import { type StatelessHub, statelessHub } from '../../support/stateless-hub.ts'
import { connect, first, kindOf, topicEvents } from './events-client.ts'

const BUILD: EventTypeText = {
  name: 'build.finished',
  topic: 'builds/**',
  type: 'build.*',
  properties: {
    branch: { type: 'string', description: 'Which branch.', minLength: 1 },
    outcome: { enum: ['passed', 'failed'] },
    attempt: { type: 'integer' },
    on: { type: 'object', properties: { main: { type: 'boolean' } } },
  },
  required: ['branch'],
  filters: { branch: '/branch', outcome: '/outcome', attempt: '/attempt', main: '/on/main', runner: '/runner~1name' },
}

let served: StatelessHub
afterEach(async () => {
  expect(served.reports).toEqual([])
  await served.close()
})

async function serve(options: ServedHubOptions = {}): Promise<StatelessHub> {
  served = await statelessHub({ eventTypes: eventTypesOf(BUILD).declared, ...options })
  return served
}

const publish = (data: unknown, { topic = 'builds/1', type = 'build.ended' } = {}) =>
  served.hub.publish([draftOf(topic, JSON.stringify(data), { type })])

const ofBuild = (args: Record<string, unknown> = {}) => ({ name: 'build.finished', arguments: args })

describe('a declared event type', () => {
  test('4: shows its filters as arguments, with what they are checked by, and its schema as it was written', async () => {
    await serve()
    const { ask } = await connect(served.fetch)
    const [, build] = (await ask('events/list')).result.events
    expect(build.inputSchema).toEqual({
      type: 'object',
      properties: {
        branch: { type: 'string', description: 'Which branch.' },
        outcome: { enum: ['passed', 'failed'] },
        attempt: { type: 'integer' },
        main: { type: 'boolean' },
        runner: { type: 'string' },
      },
      additionalProperties: false,
    })
    expect(build.payloadSchema).toEqual({ type: 'object', properties: BUILD.properties, required: ['branch'] })
  })

  test('63: gives only what has its topic, its type and the values that were asked for', async () => {
    await serve()
    const { ask, stream } = await connect(served.fetch)
    const wants: [Record<string, unknown>, number[]][] = [
      [{}, [1, 2, 3, 4]],
      [{ branch: 'main' }, [1, 2]],
      [{ branch: 'main', outcome: 'failed' }, [2]],
      [{ attempt: 3 }, [3]],
      [{ main: true }, [4]],
      [{ main: false }, []],
      [{ runner: 'one' }, [3]],
      [{ branch: 'nonsense' }, []],
    ]
    const { cursor } = (await ask('events/poll', ofBuild())).result
    const streams = await Promise.all(wants.map(([args], index) => stream(ofBuild(args), index)))
    for (const each of streams) await first(each, 1)
    await publish({ number: 1, branch: 'main', outcome: 'passed' })
    await publish({ number: 2, branch: 'main', outcome: 'failed' })
    await publish({ number: 3, branch: 'a', attempt: 3, 'runner/name': 'one' })
    await publish({ number: 4, branch: 'b', on: { main: true } })
    await publish({ number: 5, branch: 'main' }, { topic: 'other/1' })
    await publish({ number: 6, branch: 'main' }, { type: 'note' })
    for (const [index, [args, numbers]] of wants.entries()) {
      const { result } = await ask('events/poll', { ...ofBuild(args), cursor })
      expect([args, result.events.map(({ data }: { data: { number: number } }) => data.number)]).toEqual([
        args,
        numbers,
      ])
      const told = await first(streams[index]!, 1 + numbers.length)
      expect([args, told.slice(1).map(({ params }) => params.data.number)]).toEqual([args, numbers])
      expect(told.slice(1).every(({ params }) => params.name === 'build.finished')).toBe(true)
    }
  })

  test('19: refuses arguments that are not as its inputSchema has them', async () => {
    await serve()
    const { ask } = await connect(served.fetch)
    for (const [args, field] of [
      [{ branch: 3 }, 'arguments.branch'],
      [{ outcome: 'exploded' }, 'arguments.outcome'],
      [{ attempt: 1.5 }, 'arguments.attempt'],
      [{ main: 'true' }, 'arguments.main'],
      [{ brnach: 'main' }, 'arguments'],
    ] as const) {
      for (const method of ['events/poll', 'events/stream']) {
        expect([args, (await ask(method, ofBuild(args))).error]).toEqual([
          args,
          { code: -32602, message: expect.any(String), data: { field } },
        ])
      }
    }
    const { error } = await ask('events/poll', ofBuild({ brnach: 'main' }))
    expect(error.message).toContain('Did you mean "branch"?')
  })

  test('63: leaves out what was stored before it was declared and does not fit its schema', async () => {
    await serve()
    const { ask, stream } = await connect(served.fetch)
    const { cursor } = (await ask('events/poll', ofBuild())).result
    const live = await stream(ofBuild(), 1)
    await first(live, 1)
    for (const data of [{ number: 1 }, 'text', [1], null, { branch: 3 }, { branch: 'x', outcome: 'exploded' }]) {
      await publish(data)
    }
    await served.hub.publish([draftOf('builds/1', 'plain text', { type: 'build.ended', isText: true })])
    await publish({ branch: 'main' })
    expect((await first(live, 2))[1]!.params.data).toEqual({ branch: 'main' })
    const { result } = await ask('events/poll', { ...ofBuild(), cursor })
    expect(result.events.map(({ data }: { data: unknown }) => data)).toEqual([{ branch: 'main' }])
  })

  test('47, 48: is Forbidden to those who may read none of it, and narrowed for the others', async () => {
    const some = testKey('some', { subscribe: ['builds/mine'] })
    const none = testKey('none', { subscribe: ['orders/**'] })
    await serve({ access: keySettings([some, none]) })
    const asNone = await connect(served.fetch, { key: none.text })
    expect((await asNone.ask('events/stream', ofBuild())).error.message).toBe('Forbidden')
    const { stream } = await connect(served.fetch, { key: some.text })
    const live = await stream(ofBuild(), 1)
    await first(live, 1)
    await publish({ branch: 'theirs' }, { topic: 'builds/theirs' })
    await publish({ branch: 'mine' }, { topic: 'builds/mine' })
    expect((await first(live, 2))[1]!.params.data).toEqual({ branch: 'mine' })
  })
})

describe('topic.event', () => {
  test('63: filters by types, exact and by prefix', async () => {
    await serve()
    const { stream } = await connect(served.fetch)
    const live = await stream({ name: 'topic.event', arguments: { topic: '**', types: ['order.*', 'note'] } }, 1)
    await first(live, 1)
    for (const type of ['order.paid', 'message', 'note', 'orders', 'order.sent']) await publish(type, { type })
    const told = await first(live, 4)
    expect(told.slice(1).map(({ params }) => params.data.type)).toEqual(['order.paid', 'note', 'order.sent'])
  })

  test('gives poll and push the same occurrence, whatever the data is', async () => {
    await serve()
    const { ask, stream } = await connect(served.fetch)
    const { cursor } = (await ask('events/poll', topicEvents('**'))).result
    const live = await stream(topicEvents('**'), 1)
    await first(live, 1)
    const texts = ['null', '[1,{"a":"\\u2028 Ω"}]', '12345678901234567890', '{"__proto__":1,"a":"\\r\\n"}', '"text"']
    await served.hub.publish([
      ...texts.map((text) => draftOf('a/b', text)),
      draftOf('a/b', 'plain\r\ndata: x\n\n', { isText: true, time: '2026-11-22t12:00:00.5+01:00', type: 'ünï' }),
    ])
    const { events } = (await ask('events/poll', topicEvents('**', { cursor }))).result
    const told = (await first(live, 1 + events.length)).slice(1)
    const pushed = told.map(({ params: { cursor: _, _meta, ...occurrence } }) => occurrence)
    expect(pushed).toEqual(events)
    expect(events.map(({ data }: { data: unknown }) => data)).toEqual([
      ...texts.slice(0, 2).map((text) => ({ topic: 'a/b', type: 'message', data: JSON.parse(text) })),
      { topic: 'a/b', type: 'message', data: '12345678901234567890', jsonText: true },
      ...texts.slice(3).map((text) => ({ topic: 'a/b', type: 'message', data: JSON.parse(text) })),
      { topic: 'a/b', type: 'ünï', data: 'plain\r\ndata: x\n\n' },
    ])
    expect(events.at(-1).timestamp).toBe('2026-11-22T12:00:00.5+01:00')
  })

  test('62: the largest event there can be is an occurrence of at most 262,144 bytes', async () => {
    await serve()
    const { ask, stream } = await connect(served.fetch)
    const { cursor } = (await ask('events/poll', topicEvents('**'))).result
    const live = await stream(topicEvents('**'), 1)
    await first(live, 1)
    const answer = await served.fetch('/events', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        topic: '"'.repeat(512),
        type: '\\'.repeat(128),
        id: 'i'.repeat(256),
        time: '2026-11-22T12:00:00.123456789+01:00',
        data: 'x'.repeat(252 * 1024 - 2),
      }),
    })
    expect(answer.status).toBe(201)
    const [event] = (await ask('events/poll', topicEvents('**', { cursor }))).result.events
    const [, told] = await first(live, 2)
    expect(kindOf(told!)).toBe('event')
    const body = JSON.stringify({ ...event, cursor: told!.params.cursor })
    expect(Buffer.byteLength(body)).toBeGreaterThan(252 * 1024)
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(262_144)
  })

  test('62: data that grows when it is written again comes as text, or is clipped with a link to all of it', async () => {
    await serve()
    const { ask } = await connect(served.fetch)
    let { cursor } = (await ask('events/poll', topicEvents('**'))).result
    const long = (item: string) => `[${Array.from({ length: (250 * 1024) / item.length }, () => item).join('')}0]`
    for (const [data, expected] of [
      [long('1e20,'), { jsonText: true, clipped: expect.anything() }],
      [long('"",'), {}],
      [long('"",').replace('0]', '12345678901234567890]'), { jsonText: true, clipped: expect.anything() }],
      [long('12345678901234567890,'), { jsonText: true }],
    ] as const) {
      await served.hub.publish([draftOf('a', data)])
      const { result } = await ask('events/poll', topicEvents('**', { cursor }))
      cursor = result.cursor
      const [event] = result.events
      expect(Buffer.byteLength(JSON.stringify({ ...event, cursor }))).toBeLessThanOrEqual(262_144)
      const { topic: _topic, type: _type, data: shown, ...marks } = event.data
      expect(marks).toEqual(expected)
      if (marks.clipped) expect([data.startsWith(shown), marks.clipped.bytes]).toEqual([true, data.length])
      else expect(typeof shown === 'string' ? JSON.parse(shown) : shown).toEqual(JSON.parse(data))
    }
  })
})
