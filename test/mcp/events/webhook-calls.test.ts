import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { HubError } from '../../../src/core/errors.ts'
import { failures } from '../../../src/webhooks/outbound/outcome.ts'
import { CallbackRefusal, QuotaRefusal } from '../../../src/webhooks/refusals.ts'
import { subscriptionId } from '../../../src/webhooks/subscription/identity.ts'
import { keySettings, testKey } from '../../support/access.ts'
import { eventTypesOf } from '../../support/event-types.ts'
import { GRANTED, ScriptedDesk } from '../../support/scripted-desk.ts'
import { registerSecret } from '../../support/secrets.ts'
import type { ServedHubOptions } from '../../support/served-hub.ts'
import { type StatelessHub, statelessHub } from '../../support/stateless-hub.ts'
import { until } from '../../support/until.ts'
import { SessionClient } from '../sessions/session-client.ts'
import { connect, EVERY_WAY, EXTENSION, topicEvents } from './events-client.ts'

const URL = 'https://hooks.example.net/mcp/cb1?token=a%20b'
const SECRET = registerSecret(`whsec_${randomBytes(32).toString('base64')}`, 'the secret of a webhook')
const delivery = { mode: 'webhook', url: URL, secret: SECRET }
const watch = (more: Record<string, unknown> = {}) => topicEvents('orders/**', { delivery, ...more })

let desk: ScriptedDesk
let served: StatelessHub
let reported: unknown[]
beforeEach(() => {
  desk = new ScriptedDesk()
  reported = []
})
afterEach(async () => {
  expect(served.reports).toEqual(reported)
  await served.close()
})

async function serve(options: ServedHubOptions = {}) {
  served = await statelessHub({ webhookOffer: desk, ...options })
  return connect(served.fetch)
}

describe.each([...EVERY_WAY])('webhooks in $name', ({ name, connect: connectWay }) => {
  const complete = name === '2026-07-28' ? 'complete' : undefined

  test('1, 2, 4, 8: change nothing of what is declared, and are the first mode of each type', async () => {
    await serve({ eventTypes: eventTypesOf({ name: 'build.finished', topic: 'builds/**' }).declared })
    const { ask, capabilities } = await connectWay(served.fetch)
    const { events, extensions } = await capabilities()
    expect({ events, extensions }).toEqual({ events: {}, extensions: { [EXTENSION]: {} } })
    const { result } = await ask('events/list')
    expect(result.events.map((type: { delivery: string[] }) => type.delivery)).toEqual([
      ['webhook', 'push', 'poll'],
      ['webhook', 'push', 'poll'],
    ])
    expect(desk.loaded).toBe(0)
  })

  test('37, 45: are subscribed to and unsubscribed from', async () => {
    await serve()
    const { ask } = await connectWay(served.fetch)
    const { result } = await ask('events/subscribe', watch({ cursor: null, ttlMs: 3_600_000 }))
    const { resultType, _meta, ...granted } = result
    expect(resultType).toBe(complete)
    expect(granted).toEqual({
      id: GRANTED.id,
      refreshBefore: '2026-11-20T09:30:00.000Z',
      cursor: GRANTED.cursor,
      truncated: false,
    })
    const gone = (await ask('events/unsubscribe', topicEvents('orders/**', { delivery: { url: URL } }))).result
    expect(gone.resultType).toBe(complete)
    expect(Object.keys(gone).filter((member) => !['resultType', '_meta'].includes(member))).toEqual([])
    expect(desk.removed).toEqual([
      { principal: 'local', url: URL, name: 'topic.event', arguments: { topic: 'orders/**' } },
    ])
  })
})

describe('events/subscribe', () => {
  test('hands on what was asked for to the letter, and the numbers its client reads', async () => {
    await serve()
    const { ask } = await connect(served.fetch, { declares: true })
    let abandoned: boolean | undefined
    desk.subscribes = ({ signal }) => {
      abandoned = signal.aborted
      return GRANTED
    }
    await ask('events/subscribe', watch({ cursor: 'k.1', maxAgeMs: 5, ttlMs: null }))
    const [{ signal: _, principal, ...asked }] = desk.asked as [(typeof desk.asked)[number]]
    expect(asked).toEqual({
      url: URL,
      secret: SECRET,
      name: 'topic.event',
      arguments: { topic: 'orders/**' },
      cursor: 'k.1',
      maxAgeMs: 5,
      ttlMs: null,
      numbers: { NotFound: -32023, Forbidden: -32024, Unsupported: -32026 },
    })
    expect([principal.id, abandoned]).toEqual(['local', false])
  })

  test('12: takes nothing, null and what it does not know for what may be absent', async () => {
    const { ask } = await serve()
    const { mode: _, ...modeless } = delivery
    for (const more of [
      { delivery: modeless },
      { delivery: { ...modeless, mode: null, retries: 3 }, cursor: null, maxAgeMs: null, somethingNew: {} },
    ]) {
      const { result } = await ask('events/subscribe', watch(more))
      expect(result.id).toBe(GRANTED.id)
      expect(desk.asked.at(-1)).toMatchObject({ cursor: null, maxAgeMs: undefined })
    }
    expect(desk.asked.map(({ ttlMs }) => ttlMs)).toEqual([undefined, undefined])
  })

  test('39: asks again for what is there, each time', async () => {
    const { ask } = await serve()
    for (let count = 0; count < 3; count++) await ask('events/subscribe', watch())
    expect(desk.asked.length).toBe(3)
  })

  test('38, 40: an id is no input: it is let be', async () => {
    const { ask } = await serve()
    expect((await ask('events/subscribe', watch({ id: 'sub_mine' }))).result.id).toBe(GRANTED.id)
    await ask('events/unsubscribe', topicEvents('orders/**', { delivery, id: 'sub_mine' }))
    expect(JSON.stringify([desk.asked, desk.removed])).not.toContain('sub_mine')
  })

  test('41: no number of milliseconds is refused', async () => {
    await serve()
    for (const text of ['0', '-1', '1', '1e30', '1e999', '-1e999']) {
      const message = `{"jsonrpc":"2.0","id":1,"method":"events/subscribe","params":${JSON.stringify({
        ...watch(),
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      }).replace('{', `{"ttlMs":${text},`)}}`
      const answer = await served.fetch('/mcp', {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'events/subscribe',
        },
        body: message,
      })
      expect((await answer.json()).result.id).toBe(GRANTED.id)
    }
    const most = Number.MAX_SAFE_INTEGER
    expect(desk.asked.map(({ ttlMs }) => ttlMs)).toEqual([0, -1, 1, most, most, -most])
  })

  test('42: has no end when there is none, and says so by null', async () => {
    const { ask } = await serve()
    desk.subscribes = () => ({ ...GRANTED, refreshBefore: null })
    expect((await ask('events/subscribe', watch({ ttlMs: null }))).result.refreshBefore).toBeNull()
    expect(desk.asked[0]!.ttlMs).toBeNull()
  })

  test('66: says of one that was there how its deliveries went, and leaves out what there was not', async () => {
    const { ask } = await serve()
    const at = Date.UTC(2026, 10, 20, 8)
    const status = async (more: object) => {
      const there = { active: true, lastDeliveryAt: undefined, lastError: null, failedSince: undefined }
      desk.subscribes = () => ({ ...GRANTED, status: { ...there, ...more } })
      return (await ask('events/subscribe', watch())).result.deliveryStatus
    }
    expect(await status({})).toEqual({ active: true, lastError: null })
    expect(await status({ active: false, lastDeliveryAt: at, lastError: 'http_5xx', failedSince: at + 1 })).toEqual({
      active: false,
      lastDeliveryAt: '2026-11-20T08:00:00.000Z',
      lastError: 'http_5xx',
      failedSince: '2026-11-20T08:00:00.001Z',
    })
  })

  test.each([
    ['before anything was answered', 60_000],
    ['when the answer had begun to stream, because it takes long', 10],
  ])('says to the desk that nobody waits any more: %s', async (_, jsonWithinMs) => {
    await serve({ mcpLimits: { jsonWithinMs } })
    desk.subscribes = ({ signal }) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(GRANTED), { once: true }))
    const abort = new AbortController()
    let answered: Response | undefined
    const asking = served.ask('events/subscribe', watch(), { signal: abort.signal }).then(
      (response) => {
        answered = response
      },
      () => {},
    )
    await until('it to be asked', () => desk.asked.length === 1)
    if (jsonWithinMs === 10) await until('it to stream', () => answered)
    expect([answered?.ok, desk.asked[0]!.signal.aborted]).toEqual([jsonWithinMs === 10 ? true : undefined, false])
    abort.abort()
    await asking
    await until('it to be told', () => desk.asked[0]!.signal.aborted)
  })

  test('in a session, is given up when it is cancelled', async () => {
    await serve()
    desk.subscribes = ({ signal }) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(GRANTED), { once: true }))
    const client = await SessionClient.begun(served.fetch)
    const { id, ...request } = client.request('events/subscribe', watch())
    const asking = client.post({ ...request, id })
    await until('it to be asked', () => desk.asked.length === 1)
    expect(desk.asked[0]!.signal.aborted).toBe(false)
    await client.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } })
    await until('it to be told', () => desk.asked[0]!.signal.aborted)
    await (await asking).text()
  })

  test.each<[string, string, Record<string, unknown>]>([
    ['no name', 'name', { name: undefined }],
    ['an empty name', 'name', { name: '' }],
    ['arguments that are a list', 'arguments', { arguments: [] }],
    ['no delivery', 'delivery', { delivery: undefined }],
    ['a mode that is no text', 'delivery.mode', { delivery: { ...delivery, mode: 1 } }],
    ['34: no URL', 'delivery.url', { delivery: { ...delivery, url: undefined } }],
    ['34: a URL that is no text', 'delivery.url', { delivery: { ...delivery, url: { href: URL } } }],
    ['35: no secret', 'delivery.secret', { delivery: { ...delivery, secret: undefined } }],
    ['35: a secret that is null', 'delivery.secret', { delivery: { ...delivery, secret: null } }],
    ['a cursor that is a number', 'cursor', { cursor: 7 }],
    ['a maxAgeMs below 0', 'maxAgeMs', { maxAgeMs: -1 }],
    ['41: a ttlMs that is text', 'ttlMs', { ttlMs: '3600000' }],
    ['41: a ttlMs that is a fraction', 'ttlMs', { ttlMs: 0.5 }],
    ['41: a ttlMs that is true', 'ttlMs', { ttlMs: true }],
    ['a topic that is a number', 'arguments.topic', { arguments: { topic: 7 } }],
    ['a topic that is none', 'arguments.topic', { arguments: { topic: 'a**' } }],
  ])('refuses %s, names the field %s and keeps nothing', async (_, field, more) => {
    const { ask } = await serve()
    const { error } = await ask('events/subscribe', watch(more))
    expect([error.code, error.data?.field]).toEqual([-32602, field])
    expect(desk.loaded).toBe(0)
  })

  test('refuses arguments of more than 16 KiB, which would be kept: polling with them is allowed', async () => {
    const type = { name: 'build.finished', topic: 'builds/**', filters: { branch: '/branch' } }
    const { ask } = await serve({ eventTypes: eventTypesOf(type).declared })
    const largest = 16 * 1024 - '{"branch":""}'.length
    const asking = (length: number) => ({ name: type.name, arguments: { branch: 'x'.repeat(length) }, delivery })
    expect((await ask('events/subscribe', asking(largest))).result.id).toBe(GRANTED.id)
    const { error } = await ask('events/subscribe', asking(largest + 1))
    expect([error.code, error.data]).toEqual([-32602, { field: 'arguments' }])
    expect((await ask('events/poll', asking(largest + 1))).result.events).toEqual([])
    expect(desk.asked.length).toBe(1)
  })

  test.each([
    ['34', '/delivery/url', 'delivery.url'],
    ['35', '/delivery/secret', 'delivery.secret'],
    ['19', '/topic', 'arguments.topic'],
  ])('%s: what the desk refuses at %s is -32602 with the field %s', async (_, pointer, field) => {
    const { ask } = await serve()
    desk.subscribes = () => {
      throw new HubError('invalid-arguments', 'It is not right.', { pointer })
    }
    const { error } = await ask('events/subscribe', watch())
    expect(error).toEqual({ code: -32602, message: 'It is not right.', data: { field } })
  })

  test('asks in the order of the errors: who, shape, name, mode, arguments, then the desk', async () => {
    await serve()
    const { ask } = await connect(served.fetch)
    const wrong: Record<string, unknown> = {
      name: 'nonsense',
      arguments: { topic: 7 },
      delivery: { mode: 'push', url: 'x', secret: 7 },
    }
    const told = async () => {
      const { error } = await ask('events/subscribe', wrong)
      return error.data.field ?? error.message
    }
    desk.lasts = () => false
    expect(await told()).toBe('Forbidden')
    desk.lasts = () => true
    expect(await told()).toBe('delivery.secret')
    wrong.delivery = { mode: 'push', url: 'x', secret: SECRET }
    expect(await told()).toBe('NotFound')
    wrong.name = 'topic.event'
    expect(await told()).toBe('Unsupported')
    wrong.delivery = { mode: 'webhook', url: 'x', secret: SECRET }
    expect(await told()).toBe('arguments.topic')
    expect(desk.asked).toEqual([])
    wrong.arguments = { topic: 'a' }
    expect((await ask('events/subscribe', wrong)).result.id).toBe(GRANTED.id)
  })
})

const SEP = { NotFound: -32023, Forbidden: -32024, ResourceExhausted: -32025, Unsupported: -32026 }
const SKETCH = { NotFound: -32011, Forbidden: -32012, ResourceExhausted: -32013, Unsupported: -32014 }
const CALLBACK = { sep: -32027, sketch: -32015 }

describe.each([
  { profile: 'sep' as const, numbers: SEP },
  { profile: 'sketch' as const, numbers: SKETCH },
])('errors of webhooks by the numbers of the $profile', ({ profile, numbers }) => {
  const reader = testKey('reader', { subscribe: ['orders/**'] })

  async function errorOf(params: object, subscribes?: () => never) {
    if (subscribes) desk.subscribes = subscribes
    const { ask } = await connect(served.fetch, { key: reader.text })
    return (await ask('events/subscribe', { ...params })).error
  }

  test('36, 46, 47, 51: say what it is', async () => {
    await serve({ eventsProfile: profile, access: keySettings([reader]) })
    expect(await errorOf(watch({ name: 'order.lost' }))).toEqual({
      code: numbers.NotFound,
      message: 'NotFound',
      data: { kind: 'event' },
    })
    expect(await errorOf(watch({ delivery: { ...delivery, mode: 'push' } }))).toEqual({
      code: numbers.Unsupported,
      message: 'Unsupported',
      data: { feature: 'deliveryMode', value: 'push' },
    })
    expect(await errorOf(topicEvents('secret/1', { delivery }))).toEqual({
      code: numbers.Forbidden,
      message: 'Forbidden',
      data: { reason: expect.stringContaining('orders/**') },
    })
    expect(desk.loaded).toBe(0)
    const quota = () => {
      throw new QuotaRefusal('webhooks.per_principal', 100, 'There are 100.')
    }
    expect(await errorOf(watch(), quota)).toEqual({
      code: numbers.ResourceExhausted,
      message: 'ResourceExhausted',
      data: { limit: 'webhooks.per_principal', max: 100 },
    })
    for (const reason of failures) {
      const failed = () => {
        throw new CallbackRefusal(reason, `It answered ${URL} with inner words.`)
      }
      expect(await errorOf(watch(), failed)).toEqual({
        code: CALLBACK[profile],
        message: 'CallbackEndpointError',
        data: { reason },
      })
    }
  })

  test('45, D4: an unknown key is NotFound only for who knows SEP-3415', async () => {
    await serve({ eventsProfile: profile })
    desk.unsubscribes = () => false
    const { ask } = await connect(served.fetch)
    const { result, error } = await ask('events/unsubscribe', topicEvents('orders/**', { delivery }))
    if (profile === 'sep') {
      expect(error).toEqual({ code: SEP.NotFound, message: 'NotFound', data: { kind: 'subscription' } })
    } else expect(result.resultType).toBe('complete')
  })
})

test('D2: by default the numbers, and what an unknown key is, go by what the client declares', async () => {
  await serve()
  desk.unsubscribes = () => false
  for (const declares of [true, false]) {
    const { ask } = await connect(served.fetch, { declares })
    await ask('events/subscribe', watch())
    const { result, error } = await ask('events/unsubscribe', topicEvents('orders/**', { delivery }))
    expect([result === undefined, error?.code]).toEqual(declares ? [true, -32023] : [false, undefined])
  }
  expect(desk.asked.map(({ numbers }) => numbers.Forbidden)).toEqual([-32024, -32012])
})

describe('who may have webhooks', () => {
  const alice = testKey('alice', { subscribe: ['orders/**'] })
  const bob = testKey('bob', { subscribe: ['**'] })

  test('33, 4: nobody who does not last: Forbidden with a way out, and no webhook in the list', async () => {
    await serve({ access: keySettings([alice, bob]) })
    desk.lasts = ({ id }) => id === 'key:alice'
    const asBob = await connect(served.fetch, { key: bob.text })
    for (const method of ['events/subscribe', 'events/unsubscribe']) {
      const { error } = await asBob.ask(method, watch())
      expect([error.code, error.message]).toEqual([-32012, 'Forbidden'])
      expect(error.data.reason).toContain('API key')
    }
    const modes = async ({ ask }: typeof asBob) => (await ask('events/list')).result.events[0].delivery
    expect(await modes(asBob)).toEqual(['push', 'poll'])
    expect(await modes(await connect(served.fetch, { key: alice.text }))).toEqual(['webhook', 'push', 'poll'])
    expect(desk.loaded).toBe(0)
  })

  test('48: what is asked for is asked for as the caller of this request, whatever the params say', async () => {
    await serve({ access: keySettings([alice, bob]) })
    const asBob = await connect(served.fetch, { key: bob.text })
    await asBob.ask('events/subscribe', watch({ principal: 'key:alice' }))
    await asBob.ask('events/unsubscribe', watch({ principal: 'key:alice' }))
    expect([desk.asked[0]!.principal.id, desk.removed[0]!.principal]).toEqual(['key:bob', 'key:bob'])
  })

  test('45: unsubscribes from what exists no more and from what may be asked for no more', async () => {
    await serve({ access: keySettings([alice]) })
    const { ask } = await connect(served.fetch, { key: alice.text })
    for (const params of [
      { name: 'long.gone' },
      topicEvents('secret/1'),
      { name: 'topic.event', arguments: { x: [] } },
    ]) {
      expect((await ask('events/unsubscribe', { ...params, delivery })).error).toBeUndefined()
    }
    expect(desk.removed.map(({ name, arguments: values }) => [name, values])).toEqual([
      ['long.gone', {}],
      ['topic.event', { topic: 'secret/1' }],
      ['topic.event', { x: [] }],
    ])
  })
})

test('unsubscribing, too, refuses arguments of more than 16 KiB and a name that is no text, and asks no desk', async () => {
  await serve()
  // Of those that say the name in no header.
  const { ask } = await EVERY_WAY.find(({ name }) => name !== '2026-07-28')!.connect(served.fetch)
  const long = { topic: 'x'.repeat(16 * 1024) }
  for (const [field, more] of Object.entries({ arguments: { arguments: long }, name: { name: 'a\ud800' } })) {
    const { error } = await ask('events/unsubscribe', watch(more))
    expect([error.code, error.data]).toEqual([-32602, { field }])
  }
  expect(desk.loaded).toBe(0)
})

describe('what has no canonical JSON', () => {
  test.each(['events/subscribe', 'events/unsubscribe'])(
    'is refused by %s, where it is, and not reported',
    async (method) => {
      const type = { name: 'build.finished', topic: 'builds/**', filters: { branch: '/branch' } }
      const { ask } = await serve({ eventTypes: eventTypesOf(type).declared })
      // What names a subscription is under test, not who keeps it.
      desk.subscribes = ({ principal, ...key }) => ({
        ...GRANTED,
        id: subscriptionId({ ...key, principal: principal.id }),
      })
      desk.unsubscribes = (key) => subscriptionId(key) !== ''
      const asking = (branch: string, url = URL) => ({
        name: type.name,
        arguments: { branch },
        delivery: { ...delivery, url },
      })
      expect((await ask(method, asking('main'))).error).toBeUndefined()
      for (const [field, params] of [
        ['arguments', asking('\ud800')],
        ['delivery.url', asking('main', 'https://hooks.example.net/\udfff')],
      ] as const) {
        const { error } = await ask(method, params)
        expect([error.code, error.data]).toEqual([-32602, { field }])
      }
    },
  )
})

describe('a hub without webhooks', () => {
  test('36: has no type with them, and says Unsupported to who asks all the same', async () => {
    const { ask } = await serve({ webhookOffer: undefined })
    expect((await ask('events/list')).result.events[0].delivery).toEqual(['push', 'poll'])
    expect((await ask('events/subscribe', watch())).error).toEqual({
      code: -32014,
      message: 'Unsupported',
      data: { feature: 'deliveryMode', value: 'webhook' },
    })
    expect((await ask('events/unsubscribe', watch())).result.resultType).toBe('complete')
  })
})

describe('a desk that cannot', () => {
  test.each(['overloaded', 'draining', 'rate-limited'] as const)('now is said as such: %s', async (code) => {
    const { ask } = await serve()
    desk.subscribes = () => {
      throw new HubError(code, 'Come again.', { retryAfterMs: 700 })
    }
    const { error } = await ask('events/subscribe', watch())
    expect(error).toEqual({ code: -32603, message: 'Come again.', data: { code, retryAfterMs: 700 } })
  })

  test('at all, or be loaded, is a failure of the server, reported and without its own words', async () => {
    const { ask } = await serve()
    const fault = new Error('inner words')
    desk.subscribes = () => {
      throw fault
    }
    const first = (await ask('events/subscribe', watch())).error
    desk.desk = async () => {
      throw fault
    }
    const second = (await ask('events/subscribe', watch())).error
    for (const error of [first, second]) {
      expect(error.code).toBe(-32603)
      expect(JSON.stringify(error)).not.toContain('inner words')
    }
    reported = [fault, fault]
  })
})
