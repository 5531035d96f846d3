import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { signToken } from '../../src/auth/signed-token.ts'
import { parseFilter } from '../../src/core/filter.ts'
import { LOCAL } from '../../src/core/principal.ts'
import type { Subscription } from '../../src/core/subscription.ts'
import { bearer } from '../support/access.ts'
import { HMAC_SECRET } from '../support/authority.ts'
import { admin, grantedHub, ORDERS, reader, writer } from '../support/granted-hub.ts'
import { draft } from '../support/hub.ts'
import { issuedTicket } from '../support/issued-ticket.ts'
import { expectProblem } from '../support/problem.ts'
import { rawRequest } from '../support/raw-request.ts'
import { outletDetail, ScriptedOutlets } from '../support/scripted-outlets.ts'
import { expectSecret } from '../support/secrets.ts'
import type { ServedHub } from '../support/served-hub.ts'
import { until } from '../support/until.ts'

let served: ServedHub
/** Where nobody is asked who they are, as far as that goes. */
let withAnonymous: ServedHub
/** Asked for nothing by anyone but an admin. */
const outlets = new ScriptedOutlets(outletDetail('forward:chat'))
/** Streams that nobody was allowed to end. */
const left: Subscription[] = []
let jwt: string
let ticket: string

beforeAll(async () => {
  served = await grantedHub({ webhooks: () => outlets })
  withAnonymous = await grantedHub({ anonymous: true, webhooks: () => outlets })
  jwt = await signToken(HMAC_SECRET, { sub: 'alice', grants: ORDERS }, { now: Date.now(), ttlMs: 3_600_000 })
  ticket = (await issuedTicket(served, reader.text, { topics: ['orders/1'], sub: 'bob' })).ticket
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
  'list connections': { path: '/connections' },
  'end a connection': {
    method: 'DELETE',
    path: async ({ hub }: ServedHub) => {
      const asked = {
        filter: parseFilter([], []),
        start: undefined,
        principal: LOCAL,
        address: '',
        kind: 'sse',
      } as const
      const subscription = hub.subscribe(asked)
      left.push(subscription)
      return `/connections/${subscription.id}`
    },
  },
  'list webhooks': { path: '/webhooks' },
  'show a webhook': { path: '/webhooks/forward:chat' },
  'disable a webhook': { method: 'POST', path: '/webhooks/forward:chat/disable' },
  'enable a webhook': { method: 'POST', path: '/webhooks/forward:chat/enable' },
  'send again to a webhook': { method: 'POST', path: '/webhooks/forward:chat/redeliver', body: '{"after":"abc.0"}' },
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
  'list connections': ['admin'],
  'end a connection': ['admin'],
  'list webhooks': ['admin'],
  'show a webhook': ['admin'],
  'disable a webhook': ['admin'],
  'enable a webhook': ['admin'],
  'send again to a webhook': ['admin'],
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
    const asked = outlets.asked.length
    const { response, at } = await act(action, shown)
    if (allowed[name].includes(credential)) {
      expect(response.status).toBeOneOf([200, 201, 204])
      await response.body?.cancel()
      return
    }
    if (typeof action.path === 'string') expect(at.log.head).toBe(before)
    expect(outlets.asked).toHaveLength(asked)
    // Who shows nothing that counts here is asked who it is; who is known is told what it may not do.
    const known = response.status === 403
    expect(known).toBe(!['nothing', 'anonymous'].includes(credential) && response.status !== 401)
    if (action.method !== 'HEAD') {
      const problem = (await response.json()) as { code: string; detail: string }
      expect(problem.code).toBe(known ? 'forbidden' : 'credential-missing')
    }
    expect(response.headers.has('www-authenticate')).toBe(!known)
    for (const subscription of left.splice(0)) subscription.close('client-gone')
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

test('who may not do it is told before a byte of the body is waited for', async () => {
  const authorization = `authorization: Bearer ${reader.text}`
  for (const path of ['/events', '/events/orders/1', '/events/secret/1', '/webhooks/forward:chat/redeliver']) {
    const head = [`POST ${path} HTTP/1.1`, 'host: a.example', authorization, 'content-length: 100000']
    expect(await rawRequest(served.port, [...head, 'content-type: application/json'])).toStartWith('HTTP/1.1 403')
  }
})
