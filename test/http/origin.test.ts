import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { isLocalOrigin, isLoopbackHost } from '../../src/http/origin.ts'
import { expectProblem } from '../support/problem.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'

const LOCAL = 'http://localhost:5173'
const LISTED = 'https://app.example'
const FOREIGN = 'https://evil.example'

describe('an origin', () => {
  test.each([
    LOCAL,
    'https://localhost',
    'http://a.b.localhost:1',
    'http://127.0.0.1:3000',
    'http://127.9.8.7',
    'http://[::1]:3000',
  ])('%s is local', (origin) => expect(isLocalOrigin(origin)).toBe(true))

  test.each([
    'null',
    '',
    FOREIGN,
    'http://localhost.evil.example',
    'http://localhost@evil.example',
    'http://127.0.0.1.evil.example',
    'http://127.0.0.1:3000.evil.example',
    'http://notlocalhost',
    'http://128.0.0.1',
    'http://[::2]',
    'http://localhost:5173/path',
    'ftp://localhost',
    'file://',
    'localhost',
  ])('%p is not', (origin) => expect(isLocalOrigin(origin)).toBe(false))
})

describe('a Host', () => {
  test.each(['localhost', 'localhost:3000', 'LOCALHOST', '127.0.0.1:80', '127.1.2.3', '[::1]:3000', 'hub.localhost'])(
    '%s is this machine',
    (host) => expect(isLoopbackHost(host)).toBe(true),
  )
  test.each([
    null,
    '',
    'evil.example',
    'localhost.evil.example:3000',
    'a@localhost',
    'localhost/x',
    '127.0.0.1.nip.io',
    '0.0.0.0',
    ':3000',
  ])('%p is not', (host) => expect(isLoopbackHost(host)).toBe(false))
})

describe('without CORS_ORIGIN', () => {
  let served: ServedHub
  beforeAll(async () => {
    served = await servedHub()
  })
  afterAll(() => served.close())

  test.each([
    ['GET', '/events?format=json', 200],
    ['GET', '/events', 200],
    ['POST', '/events/a', 201],
    ['POST', '/events', 400],
    ['GET', '/nothing', 404],
    ['PUT', '/events', 405],
    ['DELETE', '/topics/nothing', 404],
    ['GET', '/topics?limit=0', 400],
    ['GET', '/livez', 200],
  ])('a local page may read the answer to %s %s', async (method, path, status) => {
    const response = await served.fetch(path, {
      method,
      headers: { origin: LOCAL },
      body: method === 'POST' ? 'x' : null,
    })
    expect(response.status).toBe(status)
    expect(response.headers.get('access-control-allow-origin')).toBe(LOCAL)
    expect(response.headers.get('vary')).toBe('Origin')
    expect(response.headers.get('access-control-expose-headers')).toBe('Retry-After')
    expect(response.headers.has('access-control-allow-credentials')).toBe(false)
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('referrer-policy')).toBe('no-referrer')
    await response.body?.cancel()
  })

  test('a preflight says what is allowed, for ten minutes', async () => {
    const headers = { origin: LOCAL, 'access-control-request-method': 'DELETE' }
    const response = await served.fetch('/events/a', { method: 'OPTIONS', headers })
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-origin')).toBe(LOCAL)
    expect(response.headers.get('access-control-allow-methods')).toBe('GET, POST, DELETE, OPTIONS')
    expect(response.headers.get('access-control-allow-headers')).toBe(
      'Last-Event-ID, Content-Type, Authorization, Idempotency-Key',
    )
    expect(response.headers.get('access-control-max-age')).toBe('600')
  })

  test.each(['GET', 'POST', 'DELETE', 'OPTIONS', 'PUT'])(
    'a foreign page is refused its %s, and may not read why',
    async (method) => {
      for (const origin of [FOREIGN, 'null', 'http://localhost.evil.example']) {
        for (const path of ['/events/a', '/events', '/topics/a', '/nothing']) {
          const response = await served.fetch(path, {
            method,
            headers: { origin },
            body: method === 'POST' ? 'x' : null,
          })
          expect(response.headers.has('access-control-allow-origin')).toBe(false)
          expect(response.headers.get('vary')).toBe('Origin')
          await expectProblem(response, 403, 'origin-not-allowed')
        }
      }
    },
  )

  test('a Host that is not this machine is refused on every route, stored nothing', async () => {
    const before = served.log.head
    for (const { method, path } of served.app.routes) {
      if (method === 'OPTIONS') continue
      const response = await served.fetch(path.replace('*', 'a'), {
        method,
        headers: { host: 'rebound.example' },
        body: method === 'POST' ? 'x' : null,
      })
      expect(response.status).toBe(403)
      if (method !== 'HEAD') await expectProblem(response, 403, 'host-not-allowed')
    }
    expect(served.log.head).toBe(before)
  })

  test('an answer to nobody in particular names no origin', async () => {
    const response = await served.fetch('/livez')
    expect(response.headers.has('access-control-allow-origin')).toBe(false)
    expect(response.headers.get('vary')).toBe('Origin')
  })
})

test('with a list the listed and the local pages are served, and no others', async () => {
  const served = await servedHub({ origins: [LISTED] })
  for (const origin of [LISTED, LOCAL]) {
    const response = await served.fetch('/events/a', { method: 'POST', body: 'x', headers: { origin } })
    expect(response.status).toBe(201)
    expect(response.headers.get('access-control-allow-origin')).toBe(origin)
  }
  for (const origin of [FOREIGN, `${LISTED}.evil.example`, 'http://app.example']) {
    await expectProblem(await served.fetch('/livez', { headers: { origin } }), 403, 'origin-not-allowed')
  }
  await served.close()
})

test('with * every page may read and none but local ones may publish', async () => {
  const served = await servedHub({ origins: ['*'] })
  const read = await served.fetch('/events?format=json', { headers: { origin: FOREIGN } })
  expect(read.status).toBe(200)
  expect(read.headers.get('access-control-allow-origin')).toBe(FOREIGN)
  expect(read.headers.has('access-control-allow-credentials')).toBe(false)
  const write = await served.fetch('/events/a', { method: 'POST', body: 'x', headers: { origin: FOREIGN } })
  await expectProblem(write, 403, 'origin-not-allowed')
  expect(await served.stored()).toEqual([])
  await served.close()
})
