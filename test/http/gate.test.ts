import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { everyRouteRefuses } from '../support/every-route.ts'
import { preflight } from '../support/preflight.ts'
import { expectProblem } from '../support/problem.ts'
import { rawRequest } from '../support/raw-request.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'

const LOCAL = 'http://localhost:5173'
const LISTED = 'https://app.example'
const FOREIGN = 'https://evil.example'
const EXPOSED = 'Retry-After, WWW-Authenticate, X-Request-Id, Mcp-Session-Id, Mcp-Protocol-Version'

/** Asks and leaves the body of a stream alone. */
async function ask(served: ServedHub, path: string, init: RequestInit = {}): Promise<Response> {
  const response = await served.fetch(path, init)
  if (response.headers.get('content-type') === 'text/event-stream') await response.body?.cancel()
  return response
}

describe('in open mode', () => {
  let served: ServedHub
  beforeAll(async () => {
    served = await servedHub({ access: { corsOrigins: [LISTED], allowedHosts: ['hub.internal'] } })
  })
  afterAll(() => served.close())

  test.each(['rebound.example', 'localhost.rebound.example', '127.0.0.1.nip.io', '10.0.0.8', 'a@localhost'])(
    'DNS rebinding: a page whose name %s points here reaches no route',
    (host) => everyRouteRefuses(served, 'host-not-allowed', { host }),
  )

  test('DNS rebinding: a second Host, an empty one or a target with another name changes nothing', async () => {
    for (const head of [
      ['GET /events?format=json HTTP/1.1', 'host: localhost', 'host: evil.example'],
      ['GET /events?format=json HTTP/1.1', 'host:'],
      ['GET /events?format=json HTTP/1.0'],
      ['GET http://evil.example/events?format=json HTTP/1.1', 'host: evil.example'],
    ]) {
      expect(await rawRequest(served.port, head)).toStartWith('HTTP/1.1 403')
    }
  })

  test('a name the operator allowed is answered to, on any port', async () => {
    for (const host of ['hub.internal', 'hub.internal:8080', 'localhost', '[::1]:3000'])
      expect((await ask(served, '/whoami', { headers: { host } })).status).toBe(200)
  })

  test.each([
    ['x-forwarded-for', '203.0.113.9'],
    ['x-real-ip', '203.0.113.9'],
    ['forwarded', 'for=203.0.113.9;host=events.example'],
    ['x-forwarded-host', 'events.example'],
    ['via', '1.1 varnish'],
  ])('a plain proxy in front that sends %s lets nobody in', async (name, value) => {
    await everyRouteRefuses(served, 'behind-proxy', { [name]: value })
  })

  test('the refusal behind a proxy says both ways out', async () => {
    const response = await served.fetch('/', { headers: { 'x-forwarded-for': '203.0.113.9' } })
    const { detail } = await expectProblem(response, 403, 'behind-proxy')
    expect(detail).toContain('MCP_SSE_AUTH_KEY')
    expect(detail).toContain('--auth-open')
  })

  test('a development server that proxies for this machine is let through', async () => {
    const headers = {
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': 'localhost:5173',
      'x-forwarded-proto': 'http',
    }
    expect((await ask(served, '/whoami', { headers })).status).toBe(200)
  })

  test.each([
    FOREIGN,
    'null',
    'http://localhost.evil.example',
    `${LISTED}.evil.example`,
    'http://app.example',
    `${LISTED}:444`,
  ])('a page of %s reaches no route, not even with a bearer or by a preflight', async (origin) => {
    await everyRouteRefuses(served, 'origin-not-allowed', { origin })
    await everyRouteRefuses(served, 'origin-not-allowed', { origin, authorization: 'Bearer anything' })
    for (const method of ['GET', 'POST', 'DELETE']) {
      const response = await served.fetch('/events/a', preflight(method, origin, 'authorization'))
      expect(response.headers.has('access-control-allow-origin')).toBe(false)
      await expectProblem(response, 403, 'origin-not-allowed')
    }
  })

  test('what a foreign page loads without CORS (no Origin, cross-site) reaches no route either', async () => {
    await everyRouteRefuses(served, 'origin-not-allowed', {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'no-cors',
    })
  })

  test('a link on a foreign page leads to the page at /, but not in a frame and to nothing else', async () => {
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
    expect((await served.fetch('/', { headers: link })).status).toBe(200)
    for (const headers of [
      { ...link, 'sec-fetch-dest': 'iframe' },
      { ...link, 'sec-fetch-mode': 'cors' },
    ])
      expect((await served.fetch('/', { headers })).status).toBe(403)
    expect((await served.fetch('/events?format=json', { headers: link })).status).toBe(403)
    expect((await served.fetch('/', { method: 'POST', headers: link })).status).toBe(403)
  })

  test('the refusal of an origin says what to allow, with nothing in it that is no origin', async () => {
    const publish = async (origin: string) => {
      const response = await served.fetch('/events/a', { method: 'POST', body: 'x', headers: { origin } })
      return (await expectProblem(response, 403, 'origin-not-allowed')).detail
    }
    expect(await publish('https://a.example')).toBe(
      'Pages from https://a.example may not publish here: allow them with CORS_ORIGIN=https://a.example.',
    )
    for (const odd of ['null', 'https://a.example/<script>', `https://${'a'.repeat(60)}.${'b'.repeat(60)}.example`])
      expect(await publish(odd)).toBe(
        'Pages without an origin of their own may not publish here: serve the page from http://localhost.',
      )
  })

  test('who was led here by a link or an image of another site is told so, and what to do', async () => {
    const link: Record<string, string> = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
    for (const mode of [link, { 'sec-fetch-mode': 'no-cors' }]) {
      const response = await served.fetch('/openapi.json', { headers: { 'sec-fetch-site': 'cross-site', ...mode } })
      expect((await expectProblem(response, 403, 'origin-not-allowed')).detail).toBe(
        'Another site led to this address, and other sites may lead to the page at / only: open /, or type the address itself.',
      )
    }
  })

  test('/client.js is for pages of this machine and listed ones, as everything else is', async () => {
    for (const [origin, status] of [
      [LOCAL, 200],
      [LISTED, 200],
      [FOREIGN, 403],
      ['null', 403],
    ] as const) {
      const response = await served.fetch('/client.js', { headers: { origin } })
      expect(response.status).toBe(status)
      expect(response.headers.get('access-control-allow-origin')).toBe(status === 200 ? origin : null)
    }
  })

  test.each([
    ['GET', '/events?format=json', 200],
    ['GET', '/events', 200],
    ['POST', '/events/a', 201],
    ['POST', '/events', 400],
    ['GET', '/nothing', 404],
    ['POST', '/tickets', 400],
    ['GET', '/topics?limit=0', 400],
    ['GET', '/livez', 200],
    ['GET', '/whoami', 200],
  ])('local and listed pages may read the answer to %s %s', async (method, path, status) => {
    for (const origin of [LOCAL, LISTED]) {
      const response = await ask(served, path, { method, headers: { origin }, body: method === 'POST' ? 'x' : null })
      expect(response.status).toBe(status)
      expect(response.headers.get('access-control-allow-origin')).toBe(origin)
      expect(response.headers.get('vary')).toBe('Origin')
      expect(response.headers.get('access-control-expose-headers')).toBe(EXPOSED)
      expect(response.headers.has('access-control-allow-credentials')).toBe(false)
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
      expect(response.headers.get('referrer-policy')).toBe('no-referrer')
    }
  })

  test.each([
    ['DELETE', '/events/abc.1', 404],
    ['DELETE', '/topics/nothing', 404],
    ['DELETE', '/connections/con_1', 404],
    ['POST', '/webhooks/forward:chat/disable', 404],
    ['POST', '/webhooks/forward:chat/redeliver', 400],
    ['PUT', '/events', 405],
  ])('%s %s is for listed pages: any other page of this machine may not, and reads what to set', async (...asked) => {
    const [method, path, status] = asked
    const send = (origin: string) =>
      served.fetch(path, { method, headers: { origin }, body: method === 'POST' ? 'x' : null })
    expect((await send(LISTED)).status).toBe(status)
    expect((await send(served.url)).status).toBe(status)
    for (const response of [await send(LOCAL), await served.fetch(path, preflight(method, LOCAL))]) {
      expect(response.headers.get('access-control-allow-origin')).toBe(LOCAL)
      expect((await expectProblem(response, 403, 'origin-not-allowed')).detail).toBe(
        `Pages from ${LOCAL} may not change anything here: allow them with CORS_ORIGIN=${LOCAL}.`,
      )
    }
  })

  test('a preflight says what is allowed, for ten minutes', async () => {
    const response = await served.fetch('/events/a', preflight('POST', LOCAL))
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-origin')).toBe(LOCAL)
    expect(response.headers.get('access-control-allow-methods')).toBe('GET, POST, DELETE, OPTIONS')
    expect(response.headers.get('access-control-allow-headers')).toBe(
      'Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Mcp-Method, Mcp-Name, Mcp-Protocol-Version, Mcp-Session-Id',
    )
    expect(response.headers.get('access-control-max-age')).toBe('600')
  })

  test('an answer to nobody in particular names no origin, and caches know that it depends on one', async () => {
    const response = await served.fetch('/livez')
    expect(response.headers.has('access-control-allow-origin')).toBe(false)
    expect(response.headers.get('vary')).toBe('Origin')
  })

  test('the page of the server itself is its own', async () => {
    const response = await served.fetch('/events/a', { method: 'POST', body: 'x', headers: { origin: served.url } })
    expect(response.status).toBe(201)
    expect(response.headers.has('access-control-allow-origin')).toBe(false)
  })

  test('a body is not read before all this: of a refused request nothing is waited for', async () => {
    const head = ['POST /events/a HTTP/1.1', 'host: evil.example', 'content-length: 1000000']
    expect(await rawRequest(served.port, head)).toStartWith('HTTP/1.1 403')
  })

  test('the operator’s log names code and route and nothing a client made up', async () => {
    const own = await servedHub()
    await own.fetch('/events/made-up-topic?since=made-up', { headers: { host: 'made-up.example' } })
    await own.fetch('/made-up', { headers: { origin: FOREIGN } })
    await own.fetch('/whoami/', { headers: { 'x-real-ip': '203.0.113.9' } })
    expect(own.refused).toEqual([
      'refused host-not-allowed: GET /events/*',
      'refused origin-not-allowed: GET (no route)',
      'refused behind-proxy: GET /whoami',
    ])
    await own.close()
  })
})

describe('with CORS_ORIGIN=* in open mode', () => {
  test('every page may read, with the rights of a reader, and none but local ones may publish', async () => {
    const served = await servedHub({ access: { corsOrigins: ['*'] } })
    for (const origin of [FOREIGN, 'null']) {
      const read = await served.fetch('/events?format=json', { headers: { origin } })
      expect(read.status).toBe(200)
      expect(read.headers.get('access-control-allow-origin')).toBe('*')
      expect(read.headers.has('access-control-allow-credentials')).toBe(false)
      const identity = await served.fetch('/whoami', { headers: { origin } })
      expect(await identity.json()).toMatchObject({ grants: { publish: [], subscribe: ['**'], admin: false } })
      for (const [method, path] of [
        ['POST', '/events/a'],
        ['POST', '/events'],
        ['POST', '/tickets'],
        ['DELETE', '/topics/a'],
      ] as const) {
        const write = await served.fetch(path, { method, body: '{}', headers: { origin } })
        await expectProblem(write, 403, 'origin-not-allowed')
        await expectProblem(await served.fetch(path, preflight(method, origin)), 403, 'origin-not-allowed')
      }
      expect((await served.fetch('/events', preflight('GET', origin, 'last-event-id'))).status).toBe(204)
    }
    expect((await served.fetch('/events/a', { method: 'POST', body: 'x', headers: { origin: LOCAL } })).status).toBe(
      201,
    )
    expect(await served.stored()).toHaveLength(1)
    await served.close()
  })
})

describe('with --auth-open', () => {
  test('addresses and proxies are the operator’s decision, names that could be rebound are not', async () => {
    const served = await servedHub({ access: { open: true, allowedHosts: ['hub.internal'] } })
    for (const host of ['192.168.1.4:3000', '[2001:db8::1]:3000', 'hub.internal', 'localhost']) {
      const headers = { host, 'x-forwarded-for': '203.0.113.9' }
      expect((await served.fetch('/whoami', { headers })).status).toBe(200)
    }
    await everyRouteRefuses(served, 'host-not-allowed', { host: 'rebound.example' })
    await everyRouteRefuses(served, 'origin-not-allowed', { host: '192.168.1.4', origin: FOREIGN })
    await served.close()
  })
})

test('Elysia works out nothing of a request by itself: no cookie, no query, no header, no body', async () => {
  const served = await servedHub()
  const inferred = (served.app as unknown as { inference: Record<string, boolean> }).inference
  expect(inferred).toMatchObject({ query: false, headers: false, body: false, cookie: false })
  await served.close()
})
