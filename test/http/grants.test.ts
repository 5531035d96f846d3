import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createParser } from 'eventsource-parser'
import { PublishRate } from '../../src/auth/publish-rate.ts'
import { signToken } from '../../src/auth/tokens.ts'
import { parseGrants } from '../../src/core/grants.ts'
import type { Principal } from '../../src/core/principal.ts'
import { bearer, keySettings, testKey } from '../support/access.ts'
import { HMAC_SECRET, tokenSettings } from '../support/authority.ts'
import { draft } from '../support/hub.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { expectProblem } from '../support/problem.ts'
import { rawRequest } from '../support/raw-request.ts'
import { expectSecret } from '../support/secrets.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'
import { until } from '../support/until.ts'

const ORDERS = { publish: ['orders/**'], subscribe: ['orders/**'] }
const reader = testKey('reader', { subscribe: ['orders/**'] })
const writer = testKey('writer', { publish: ['orders/**'] })
const typed = testKey('typed', { subscribe: ['orders/**'], types: ['order.*'] })
const admin = testKey('admin', { publish: ['**'], subscribe: ['**'], admin: true })
const keys = [reader, writer, typed, admin]
const tokens = tokenSettings({ cookie: 'hub_token' })

let served: ServedHub
/** Where nobody is asked who they are, as far as that goes. */
let withAnonymous: ServedHub
let jwt: string
let ticket: string

async function stock({ hub }: ServedHub): Promise<void> {
  const event = (topic: string, type: string) => draft(topic, `of ${topic}`, { type })
  await hub.publish([event('orders/1', 'order.paid'), event('orders/1', 'note'), event('secret/1', 'order.paid')])
}

async function ticketOf(text: string, wanted: object): Promise<{ ticket: string; url: string; expires: string }> {
  const response = expectSecret(
    await served.fetch('/tickets', { method: 'POST', body: JSON.stringify(wanted), headers: bearer(text) }),
  )
  expect(response.status).toBe(201)
  expect(response.headers.get('cache-control')).toBe('no-store')
  return (await response.json()) as Awaited<ReturnType<typeof ticketOf>>
}

beforeAll(async () => {
  served = await servedHub({ access: keySettings(keys, { tokens }) })
  withAnonymous = await servedHub({
    access: keySettings(keys, { tokens, anonymous: parseGrants(ORDERS) }),
  })
  await Promise.all([stock(served), stock(withAnonymous)])
  jwt = await signToken(HMAC_SECRET, { sub: 'alice', grants: ORDERS }, { now: Date.now(), ttlMs: 60_000 })
  ticket = (await ticketOf(reader.text, { topics: ['orders/1'], sub: 'bob' })).ticket
})
afterAll(() => Promise.all([served.close(), withAnonymous.close()]))

interface Shown {
  query?: string
  headers?: Record<string, string>
  /** Another server than the one that wants to know who asks. */
  at?: () => ServedHub
}

const credentials = {
  nothing: () => ({}),
  anonymous: () => ({ at: () => withAnonymous }),
  reader: () => ({ headers: bearer(reader.text) }),
  writer: () => ({ headers: bearer(writer.text) }),
  admin: () => ({ headers: bearer(admin.text) }),
  'key parameter': () => ({ query: `key=${writer.text}` }),
  jwt: () => ({ headers: bearer(jwt) }),
  cookie: () => ({ headers: { cookie: `a=b; hub_token=${jwt}` } }),
  ticket: () => ({ query: `ticket=${ticket}` }),
} satisfies Record<string, () => Shown>

type Credential = keyof typeof credentials

interface Action {
  method?: string
  path: string | ((at: ServedHub) => Promise<string>)
  type?: string
  body?: string
}

const cloudEvent = (topic: string) =>
  JSON.stringify({ specversion: '1.0', id: crypto.randomUUID(), source: topic, type: 'x', data: 1 })

const actions = {
  'publish a body': { method: 'POST', path: '/events/orders/2', body: 'x' },
  'publish a body elsewhere': { method: 'POST', path: '/events/secret/2', body: 'x' },
  'publish an object': {
    method: 'POST',
    path: '/events',
    type: 'application/json',
    body: '{"topic":"orders/2","data":1}',
  },
  'publish an object elsewhere': { method: 'POST', path: '/events', type: 'application/json', body: '{"data":1}' },
  'publish a batch': {
    method: 'POST',
    path: '/events',
    type: 'application/json',
    body: '[{"topic":"orders/2","data":1},{"topic":"orders/3","data":1}]',
  },
  'publish a batch with one elsewhere': {
    method: 'POST',
    path: '/events',
    type: 'application/json',
    body: '[{"topic":"orders/2","data":1},{"topic":"secret/2","data":1}]',
  },
  'publish NDJSON': {
    method: 'POST',
    path: '/events',
    type: 'application/x-ndjson',
    body: '{"topic":"orders/2","data":1}\n',
  },
  'publish NDJSON with one elsewhere': {
    method: 'POST',
    path: '/events',
    type: 'application/x-ndjson',
    body: '{"topic":"orders/2","data":1}\n\n{"topic":"secret/2","data":1}\n',
  },
  'publish a CloudEvent': {
    method: 'POST',
    path: '/events',
    type: 'application/cloudevents+json',
    body: cloudEvent('orders/2'),
  },
  'publish a CloudEvent elsewhere': {
    method: 'POST',
    path: '/events?topic=secret/2',
    type: 'application/cloudevents+json',
    body: cloudEvent('orders/2'),
  },
  'stream a topic': { path: '/events/orders/1' },
  'stream a topic elsewhere': { path: '/events/secret/1' },
  'stream a topic that does not exist elsewhere': { path: '/events/nothing/here' },
  'stream everything': { path: '/events' },
  'ask for the head of a stream': { method: 'HEAD', path: '/events/orders/1' },
  'ask for the head of a stream elsewhere': { method: 'HEAD', path: '/events/secret/1' },
  'read history': { path: '/events/orders/1?format=json' },
  'read history elsewhere': { path: '/events?topic=secret/1&topic=orders/1&format=json' },
  'read all history': { path: '/events?format=json' },
  'list topics': { path: '/topics' },
  'erase an event': {
    method: 'DELETE',
    path: async ({ hub }: ServedHub) => {
      const [receipt] = await hub.publish([draft('orders/scrap', 'x')])
      return `/events/${hub.cursor(receipt!.offset)}`
    },
  },
  'erase a topic': {
    method: 'DELETE',
    path: async ({ hub }: ServedHub) => {
      await hub.publish([draft('orders/scrap', 'x')])
      return '/topics/orders/scrap'
    },
  },
  'ask who one is': { path: '/whoami' },
  'ask for a ticket': { method: 'POST', path: '/tickets', body: '{"topics":["orders/*"]}' },
  'ask for a ticket elsewhere': { method: 'POST', path: '/tickets', body: '{"topics":["secret/1"]}' },
} satisfies Record<string, Action>

/** Who may do it; everybody else is refused. */
const allowed: Record<keyof typeof actions, readonly Credential[]> = {
  'publish a body': ['anonymous', 'writer', 'admin', 'key parameter', 'jwt', 'cookie'],
  'publish a body elsewhere': ['admin'],
  'publish an object': ['anonymous', 'writer', 'admin', 'jwt', 'cookie'],
  'publish an object elsewhere': ['admin'],
  'publish a batch': ['anonymous', 'writer', 'admin', 'jwt', 'cookie'],
  'publish a batch with one elsewhere': ['admin'],
  'publish NDJSON': ['anonymous', 'writer', 'admin', 'jwt', 'cookie'],
  'publish NDJSON with one elsewhere': ['admin'],
  'publish a CloudEvent': ['anonymous', 'writer', 'admin', 'jwt', 'cookie'],
  'publish a CloudEvent elsewhere': ['admin'],
  'stream a topic': ['anonymous', 'reader', 'admin', 'jwt', 'cookie', 'ticket'],
  'stream a topic elsewhere': ['admin'],
  'stream a topic that does not exist elsewhere': ['admin'],
  'stream everything': ['anonymous', 'reader', 'admin', 'jwt', 'cookie', 'ticket'],
  'ask for the head of a stream': ['anonymous', 'reader', 'admin', 'jwt', 'cookie', 'ticket'],
  'ask for the head of a stream elsewhere': ['admin'],
  'read history': ['anonymous', 'reader', 'admin', 'jwt', 'cookie', 'ticket'],
  'read history elsewhere': ['admin'],
  'read all history': ['anonymous', 'reader', 'admin', 'jwt', 'cookie', 'ticket'],
  'list topics': ['anonymous', 'reader', 'admin', 'jwt', 'cookie'],
  'erase an event': ['admin'],
  'erase a topic': ['admin'],
  'ask who one is': ['anonymous', 'reader', 'writer', 'admin', 'jwt', 'cookie'],
  'ask for a ticket': ['anonymous', 'reader', 'admin', 'jwt', 'cookie'],
  'ask for a ticket elsewhere': ['admin'],
}

async function act(action: Action, shown: Shown): Promise<{ response: Response; at: ServedHub }> {
  const at = shown.at?.() ?? served
  const path = typeof action.path === 'string' ? action.path : await action.path(at)
  const query = shown.query === undefined ? '' : `${path.includes('?') ? '&' : '?'}${shown.query}`
  const response = await at.fetch(path + query, {
    method: action.method ?? 'GET',
    headers: { ...shown.headers, ...(action.type ? { 'content-type': action.type } : {}) },
    body: action.body ?? null,
  })
  if (path === '/tickets') expectSecret(response)
  return { response, at }
}

describe.each(Object.keys(credentials) as Credential[])('with %s', (credential) => {
  test.each(Object.keys(actions) as (keyof typeof actions)[])('%s', async (name) => {
    const shown: Shown = credentials[credential]()
    const action: Action = actions[name]
    const before = (shown.at?.() ?? served).log.head
    const { response, at } = await act(action, shown)
    if (allowed[name].includes(credential)) {
      expect(response.status).toBeOneOf([200, 201, 204])
      await response.body?.cancel()
      return
    }
    if (typeof action.path === 'string') expect(at.log.head).toBe(before)
    // Who shows nothing that counts here is asked who it is; who is known is told what it may not do.
    const known = response.status === 403
    expect(known).toBe(!['nothing', 'anonymous'].includes(credential) && response.status !== 401)
    if (action.method !== 'HEAD') {
      const problem = (await response.json()) as { code: string; detail: string }
      expect(problem.code).toBe(known ? 'forbidden' : 'credential-missing')
    }
    expect(response.headers.has('www-authenticate')).toBe(!known)
    await until('the streams to be gone', () => at.hub.connections === 0)
  })
})

test('a refused event of a batch is named, and none of the batch is stored', async () => {
  const { response } = await act(actions['publish a batch with one elsewhere'], credentials.writer())
  const { detail } = await expectProblem(response, 403, 'forbidden', '/1/topic')
  expect(detail).toStartWith('Event 1: ')
  expect(detail).toContain('it may publish orders/**')
  const lines = await act(actions['publish NDJSON with one elsewhere'], credentials.writer())
  await expectProblem(lines.response, 403, 'forbidden', '/3/topic')
})

test('who may not publish is told before a byte of the body is waited for', async () => {
  const authorization = `authorization: Bearer ${reader.text}`
  for (const path of ['/events', '/events/orders/1', '/events/secret/1']) {
    const head = [`POST ${path} HTTP/1.1`, 'host: a.example', authorization, 'content-length: 100000']
    expect(await rawRequest(served.port, [...head, 'content-type: application/json'])).toStartWith('HTTP/1.1 403')
  }
})

/** A stream of which one takes messages, by type. */
async function stream(path: string, headers: Record<string, string> = {}, at = served) {
  const controller = new AbortController()
  const response = await at.fetch(path, { headers, signal: controller.signal })
  expect(response.status).toBe(200)
  const messages: { type: string; data: string; id: string | undefined }[] = []
  const parser = createParser({
    onEvent: ({ event = 'message', data, id }) => messages.push({ type: event, data, id }),
  })
  let ended = false
  void (async () => {
    const decoder = new TextDecoder()
    for await (const bytes of response.body!) parser.feed(decoder.decode(bytes, { stream: true }))
    ended = true
  })().catch(() => {
    ended = true
  })
  return {
    response,
    messages,
    of: (type: string) =>
      until(`${type} on ${path.slice(0, 30)}`, () => messages.find((message) => message.type === type)),
    ended: () => until(`${path.slice(0, 30)} to end`, () => ended),
    stop: () => controller.abort(),
  }
}

describe('a stream', () => {
  test('is narrowed to what may be read and says to what, and to whom', async () => {
    const own = await stream('/events?topic=**&type=order.paid&type=note', bearer(typed.text))
    expect(JSON.parse((await own.of('$open')).data)).toMatchObject({
      topics: ['orders/**'],
      types: ['order.paid'],
      principal: 'key:typed',
    })
    await served.hub.publish([
      draft('secret/1', 'hidden', { type: 'order.paid' }),
      draft('orders/1', 'hidden', { type: 'note' }),
      draft('orders/1', 'shown', { type: 'order.paid' }),
    ])
    expect((await own.of('order.paid')).data).toBe('shown')
    expect(own.messages.some(({ data }) => data.includes('hidden'))).toBe(false)
    own.stop()
  })

  test('cross-principal replay: a Last-Event-ID of another reader replays nothing one may not read', async () => {
    const first = served.hub.cursor(served.log.oldest - 1)
    for (const shown of [{ 'last-event-id': first }, undefined]) {
      const query = shown ? '' : `?since=${first}`
      const own = await stream(`/events${query}`, { ...bearer(typed.text), ...shown })
      await own.of('order.paid')
      expect(own.messages.filter(({ data }) => data.includes('secret') || data.includes('note'))).toEqual([])
      own.stop()
    }
    const page = await served.fetch('/events?format=json&since=earliest&limit=1000', { headers: bearer(typed.text) })
    const { events } = (await page.json()) as { events: { topic: string; type: string }[] }
    expect(new Set(events.map(({ topic, type }) => `${topic.split('/')[0]} ${type}`))).toEqual(
      new Set(['orders order.paid']),
    )
  })

  test('readers with other rights share no bytes: not the audience, not a frame (CVE-2026-39972)', async () => {
    const [one, two] = await Promise.all([
      stream('/events', bearer(reader.text)),
      stream('/events', bearer(admin.text)),
    ])
    await Promise.all([one.of('$open'), two.of('$open')])
    await served.hub.publish([
      draft('secret/1', 'for admin', { type: 'both' }),
      draft('orders/1', 'for both', { type: 'both' }),
    ])
    expect((await one.of('both')).data).toBe('for both')
    expect((await two.of('both')).data).toBe('for admin')
    one.stop()
    two.stop()
  })

  test('a refusal says the same of a topic that exists and of one that does not', async () => {
    const detail = async (topic: string) =>
      (
        await expectProblem(
          await served.fetch(`/events/${topic}`, { headers: bearer(reader.text) }),
          403,
          'forbidden',
          '/topic',
        )
      ).detail
    expect(await detail('secret/1')).toBe(await detail('secret/none'))
  })
})

describe('/topics', () => {
  test('never names a topic outside the grants, in no page and no token', async () => {
    const names: string[] = []
    let next: string | undefined = ''
    await served.hub.publish([draft('orders/zz', 'x'), draft('orders/0', 'x'), draft('orders/9', 'x')])
    while (next !== undefined) {
      const response = await served.fetch(`/topics?limit=1${next && `&page=${next}`}`, { headers: bearer(reader.text) })
      const page = (await response.json()) as { topics: { topic: string }[]; next?: string }
      names.push(...page.topics.map(({ topic }) => topic))
      next = page.next
      if (next) expect(Buffer.from(next, 'base64url').toString('latin1')).not.toMatch(/orders|secret/)
    }
    expect(names.length).toBeGreaterThan(3)
    expect(names.filter((name) => !name.startsWith('orders/'))).toEqual([])
    for (const pattern of ['secret/**', 'secret/1'])
      await expectProblem(
        await served.fetch(`/topics?pattern=${pattern}`, { headers: bearer(reader.text) }),
        403,
        'forbidden',
        '/pattern',
      )
  })

  test('counts all types, so who may read some types only gets no list', async () => {
    await expectProblem(await served.fetch('/topics', { headers: bearer(typed.text) }), 403, 'forbidden')
  })
})

describe('/whoami', () => {
  const ask = async (shown: Shown) => (await act(actions['ask who one is'], shown)).response.json()
  test('says who one is, what one may do and until when', async () => {
    expect(await ask(credentials.reader())).toEqual({
      principal: 'key:reader',
      grants: { publish: [], subscribe: ['orders/**'], admin: false },
      expires: null,
      mode: 'credentials',
    })
    const alice = (await ask(credentials.jwt())) as { expires: string }
    expect(alice).toMatchObject({ principal: 'sub:alice', grants: { ...ORDERS, admin: false } })
    expect(Date.parse(alice.expires)).toBeGreaterThan(Date.now())
    expect(await ask(credentials.cookie())).toEqual(alice)
    expect(await ask(credentials.anonymous())).toMatchObject({ principal: 'anonymous', grants: ORDERS })
    const open = await servedHub()
    expect(await (await open.fetch('/whoami')).json()).toEqual({
      principal: 'local',
      grants: { publish: ['**'], subscribe: ['**'], admin: true },
      expires: null,
      mode: 'open',
    })
    await open.close()
  })
})

describe('a cookie', () => {
  const cookie = () => credentials.cookie().headers
  test('counts from own and listed origins and nowhere else, so that no foreign page acts for its visitor', async () => {
    const app = 'https://app.example'
    const at = await servedHub({ access: keySettings(keys, { tokens, corsOrigins: [app] }) })
    const ask = async (more: Record<string, string>) => {
      const response = await at.fetch('/events/orders/1', {
        method: 'POST',
        body: 'x',
        headers: { ...cookie(), ...more },
      })
      return [
        response.status,
        response.headers.get('access-control-allow-origin'),
        response.headers.get('access-control-allow-credentials'),
      ]
    }
    expect(await ask({ origin: at.url })).toEqual([201, null, null])
    expect(await ask({ origin: app })).toEqual([201, app, 'true'])
    expect(await ask({})).toEqual([201, null, null])
    expect(await ask({ 'sec-fetch-site': 'same-origin' })).toEqual([201, null, null])
    expect(await ask({ 'sec-fetch-site': 'same-site' })).toEqual([401, null, null])
    // Never `*` beside credentials, whatever route it is.
    const module = await at.fetch('/client.js', { headers: { origin: app } })
    expect(module.headers.get('access-control-allow-origin')).toBe(app)
    for (const origin of ['https://evil.example', 'null', `${app}.evil.example`])
      expect(await ask({ origin })).toEqual([403, null, null])
    expect(await ask({ origin: 'http://localhost:5173' })).toEqual([403, 'http://localhost:5173', null])
    await at.close()
  })
})

describe('a ticket', () => {
  test('opens the url it comes with, as its sub, and its stream ends in words when it does', async () => {
    const made = await ticketOf(reader.text, { topics: ['orders/1'], sub: 'carol', ttl: '2s' })
    expect(made.url).toBe(`${served.url}/events?ticket=${made.ticket}`)
    const own = await stream(made.url.slice(served.url.length))
    expect(JSON.parse((await own.of('$open')).data)).toMatchObject({ principal: 'sub:carol', topics: ['orders/1'] })
    await own.ended()
    expect(own.messages.slice(-2).map(({ type, id }) => [type, id])).toEqual([
      ['$error', undefined],
      ['$closing', undefined],
    ])
    expect(JSON.parse(own.messages.at(-2)!.data)).toMatchObject({ code: 'credential-expired' })
    expect(JSON.parse(own.messages.at(-1)!.data)).toMatchObject({ reason: 'credential-expired', reconnect: false })
    await expectProblem(await served.fetch(made.url.slice(served.url.length)), 401, 'credential-expired')
  })

  test('is for its own topics: another one with it is refused', async () => {
    await expectProblem(await served.fetch(`/events/orders/2?ticket=${ticket}`), 403, 'forbidden', '/topic')
  })

  test('of open mode is what it says, also from a page elsewhere', async () => {
    const open = await servedHub()
    const response = expectSecret(await open.fetch('/tickets', { method: 'POST', body: '{"topics":["orders/*"]}' }))
    const { ticket: own } = (await response.json()) as { ticket: string }
    const origin = 'https://evil.example'
    const read = await open.fetch(`/events/orders/1?format=json&ticket=${own}`, { headers: { origin } })
    expect([read.status, read.headers.get('access-control-allow-origin')]).toEqual([200, '*'])
    await expectProblem(
      await open.fetch(`/events/secret/1?ticket=${own}`, { headers: { origin } }),
      403,
      'forbidden',
      '/topic',
    )
    await expectProblem(await open.fetch('/events?ticket=x', { headers: { origin } }), 401, 'credential-invalid')
    await open.close()
  })

  test.each([
    ['{"topic":["a"]}', 'invalid-body', undefined],
    ['{"topics":"orders/1"}', 'invalid-body', '/topics'],
    ['{"topics":[]}', 'invalid-body', '/topics'],
    ['{"types":[1]}', 'invalid-body', '/types'],
    ['{"sub":7}', 'invalid-body', '/sub'],
    ['{"sub":"a\\nb"}', 'invalid-body', '/sub'],
    ['{"ttl":"soon"}', 'invalid-body', '/ttl'],
    ['{"ttl":0}', 'invalid-body', '/ttl'],
    ['{"ttl":1e999}', 'invalid-body', '/ttl'],
    ['{"ttl":"13h"}', 'invalid-body', '/ttl'],
    ['{"topics":["a*"]}', 'invalid-pattern', '/topics'],
    ['[]', 'invalid-body', undefined],
    ['{', 'invalid-json', undefined],
    ['[[[[[[]]]]]]', 'invalid-json', undefined],
  ] as const)('is not made of %s', async (body, code, pointer) => {
    const response = await served.fetch('/tickets', { method: 'POST', body, headers: bearer(reader.text) })
    await expectProblem(response, 400, code, pointer)
  })

  test('that was misspelt is told the name', async () => {
    const response = await served.fetch('/tickets', {
      method: 'POST',
      body: '{"topcs":[]}',
      headers: bearer(reader.text),
    })
    expect((await expectProblem(response, 400, 'invalid-body')).detail).toContain('Did you mean "topics"?')
  })

  test('names public_url where one is set, and else the scheme the page came by', async () => {
    const at = await servedHub({ access: keySettings(keys, { publicUrl: 'https://events.example' }) })
    const urlFor = async (hub: ServedHub, more: Record<string, string> = {}) => {
      const response = await hub.fetch('/tickets', { method: 'POST', headers: { ...bearer(reader.text), ...more } })
      return ((await expectSecret(response).json()) as { url: string }).url.split('?')[0]
    }
    expect(await urlFor(at)).toBe('https://events.example/events')
    expect(await urlFor(served, { host: 'a.example', origin: 'https://a.example' })).toBe('https://a.example/events')
    await at.close()
  })
})

describe('a newline forges nothing', () => {
  test.each(['\n', '\r', '\r\n', '\u2028', '\0'])('in topic, type, id or header: %p', async (newline) => {
    const bad = `a${newline}event: x`
    for (const field of ['topic', 'type', 'id', 'time']) {
      const body = JSON.stringify({ topic: 'orders/1', data: 1, [field]: bad })
      const response = await served.fetch('/events', {
        method: 'POST',
        body,
        headers: { ...bearer(admin.text), 'content-type': 'application/json' },
      })
      // A line separator of Unicode ends no line of an event stream.
      if (field === 'id' && newline === '\u2028') continue
      expect(response.status).toBe(400)
    }
    for (const path of [`/events/${encodeURIComponent(bad)}`, `/events/a?type=${encodeURIComponent(bad)}`])
      expect((await served.fetch(path, { method: 'POST', body: 'x', headers: bearer(admin.text) })).status).toBe(400)
    const sub = await served.fetch('/tickets', {
      method: 'POST',
      body: JSON.stringify({ sub: bad }),
      headers: bearer(admin.text),
    })
    expect(expectSecret(sub).status).toBe(newline === '\u2028' ? sub.status : 400)
  })
})

describe('limits', () => {
  test('of a principal and of an address are said in a stream that ends, and in no other way', async () => {
    const at = await servedHub({
      access: keySettings([reader, writer]),
      limits: { connectionsPerPrincipal: 2, connectionsPerAddress: 3 },
    })
    const from = (address: string) => ({ ...bearer(reader.text), 'x-forwarded-for': address })
    const first = await stream('/events', from('203.0.113.1'), at)
    const second = await stream('/events', from('203.0.113.1'), at)
    await Promise.all([first.of('$open'), second.of('$open')])
    const third = await stream('/events', from('203.0.113.2'), at)
    expect(JSON.parse((await third.of('$closing')).data)).toMatchObject({
      reason: 'too-many-of-principal',
      reconnect: true,
    })
    await third.ended()
    expect(third.messages).toHaveLength(1)
    expect((await at.fetch('/events?format=json', { headers: from('203.0.113.1') })).status).toBe(200)
    first.stop()
    second.stop()
    await at.close()

    const open = await servedHub({
      limits: { connectionsPerAddress: 1 },
      access: { open: true, trustedProxies: ['127.0.0.1'] },
    })
    const one = await stream('/events', { 'x-forwarded-for': '2001:db8:1:2::1' }, open)
    await one.of('$open')
    const neighbour = await stream('/events', { 'x-forwarded-for': '2001:db8:1:2::2' }, open)
    expect(JSON.parse((await neighbour.of('$closing')).data)).toMatchObject({ reason: 'too-many-of-address' })
    for (const address of ['2001:db8:1:3::1', '127.0.0.1']) {
      const other = await stream('/events', { 'x-forwarded-for': address }, open)
      await other.of('$open')
      other.stop()
    }
    one.stop()
    await open.close()
  })

  test('of publishing refuse before the body is read, and a batch that is too large takes nothing', async () => {
    const clock = new ManualClock()
    const at = await servedHub({
      access: keySettings([writer]),
      publishRate: new PublishRate({ perSecond: 1, now: () => clock.monotonic() }),
    })
    const publish = (body: string, path = '/events') =>
      at.fetch(path, { method: 'POST', body, headers: { ...bearer(writer.text), 'content-type': 'application/json' } })
    const batch = (count: number) =>
      JSON.stringify(Array.from({ length: count }, () => ({ topic: 'orders/1', data: 1 })))
    expect((await publish(batch(3))).status).toBe(201)
    await expectProblem(await publish(batch(3)), 429, 'rate-limited')
    expect((await publish(batch(2))).status).toBe(201)
    const before = at.log.head
    // Not JSON, but nobody looks.
    const refused = await publish('{')
    expect(refused.headers.get('retry-after')).toBe('1')
    await expectProblem(refused, 429, 'rate-limited')
    await expectProblem(await publish('x', '/events/orders/1'), 429, 'rate-limited')
    expect(at.log.head).toBe(before)
    clock.pass(5000)
    await expectProblem(await publish(batch(6)), 413, 'batch-too-large')
    expect((await publish(batch(5))).status).toBe(201)
    expect(at.refused.some((line) => line.startsWith('refused rate-limited: POST /events by key:writer'))).toBe(true)
    await at.close()
  })
})

/** Shows that a request has passed the gate and that its body is about to be read. */
class EnteredRate extends PublishRate {
  entered = 0

  override require(principal: Principal): void {
    super.require(principal)
    this.entered++
  }
}

describe('a reload', () => {
  test('ends the streams of a key that is gone, and what it had begun to publish', async () => {
    const rate = new EnteredRate({ perSecond: 1000, now: () => performance.now() })
    const at = await servedHub({ access: keySettings([reader, writer]), publishRate: rate })
    const own = await stream('/events', bearer(reader.text), at)
    await own.of('$open')
    const gate = Promise.withResolvers<void>()
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode('half'))
        await gate.promise
        controller.close()
      },
    })
    const slow = at.fetch('/events/orders/1', { method: 'POST', body, headers: bearer(writer.text) })
    await until('the request to be let in', () => rate.entered > 0)
    await at.reload(keySettings([testKey('other', {})]))
    gate.resolve()
    await expectProblem(await slow, 401, 'credential-invalid')
    await own.ended()
    expect(own.messages.slice(-2).map(({ type }) => type)).toEqual(['$error', '$closing'])
    expect(JSON.parse(own.messages.at(-1)!.data)).toMatchObject({ reason: 'credential-revoked', reconnect: false })
    expect(await at.stored()).toEqual([])
    await at.close()
  })

  test('with other grants sends readers round once, to what they may read now', async () => {
    const at = await servedHub({ access: keySettings([reader]) })
    const own = await stream('/events', bearer(reader.text), at)
    await own.of('$open')
    const narrowed = {
      text: reader.text,
      settings: { ...reader.settings, grants: parseGrants({ subscribe: ['orders/1'] }) },
    }
    await at.reload(keySettings([narrowed]))
    expect(JSON.parse((await own.of('$closing')).data)).toMatchObject({ reason: 'grants-changed', reconnect: true })
    const again = await stream('/events', bearer(reader.text), at)
    expect(JSON.parse((await again.of('$open')).data)).toMatchObject({ topics: ['orders/1'] })
    again.stop()
    await at.close()
  })
})

describe('an issuer that cannot be reached', () => {
  test('is a stream that ends for who asks for a stream, and a 503 for everyone else', async () => {
    const nobody = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response(null, { status: 500 }) })
    const at = await servedHub({ access: { tokens: tokenSettings({ jwks: `http://127.0.0.1:${nobody.port}/jwks` }) } })
    const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
    const { SignJWT } = await import('jose')
    const token = await new SignJWT({ events: ORDERS })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setExpirationTime('1m')
      .sign(privateKey)
    const own = await stream('/events', bearer(token), at)
    await own.ended()
    expect(own.messages.map(({ type }) => type)).toEqual(['$closing'])
    expect(JSON.parse(own.messages[0]!.data)).toMatchObject({ reason: 'issuer-unavailable', reconnect: true })
    for (const [method, path] of [
      ['GET', '/events?format=json'],
      ['GET', '/topics'],
      ['POST', '/events/orders/1'],
    ] as const) {
      const response = await at.fetch(path, { method, headers: bearer(token), body: method === 'POST' ? 'x' : null })
      expect(response.headers.has('retry-after')).toBe(true)
      await expectProblem(response, 503, 'issuer-unavailable')
    }
    expect((await at.fetch('/events', { method: 'HEAD', headers: bearer(token) })).status).toBe(503)
    await at.close()
    await nobody.stop(true)
  })
})
