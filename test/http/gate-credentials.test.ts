import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { bearer, keySettings, testKey } from '../support/access.ts'
import { everyRoute } from '../support/every-route.ts'
import { preflight } from '../support/preflight.ts'
import { expectProblem } from '../support/problem.ts'
import { rawRequest } from '../support/raw-request.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'

const LOCAL = 'http://localhost:5173'
const LISTED = 'https://app.example'
const FOREIGN = 'https://evil.example'

describe('with credentials', () => {
  const all = testKey('all', { publish: ['**'], subscribe: ['**'], admin: true })
  let served: ServedHub
  beforeAll(async () => {
    served = await servedHub({ access: keySettings([all], { corsOrigins: [LISTED] }) })
  })
  afterAll(() => served.close())

  const publish = (headers: Record<string, string>) => served.fetch('/events/a', { method: 'POST', body: 'x', headers })

  test('any name and any proxy may stand in front', async () => {
    const headers = { ...bearer(all.text), host: 'events.example', 'x-forwarded-for': '203.0.113.9' }
    expect((await publish(headers)).status).toBe(201)
  })

  test('a Host that is no name is refused all the same: no code of ours makes an URL of it', async () => {
    for (const host of ['a b', 'a/b?c', '[', 'localhost:99999', 'x, y']) {
      const head = ['POST /events HTTP/1.1', `host: ${host}`, `authorization: Bearer ${all.text}`, 'content-length: 1']
      expect(await rawRequest(served.port, head, 'x')).toStartWith('HTTP/1.1 403')
    }
    expect(served.reports).toEqual([])
  })

  test('a short name finds every route', async () => {
    const headers = { ...bearer(all.text), host: 'h' }
    expect((await served.fetch('/whoami', { method: 'HEAD', headers })).status).toBe(200)
    expect((await served.fetch('/livez', { method: 'OPTIONS', headers })).headers.get('allow')).toBe(
      'GET, HEAD, OPTIONS',
    )
  })

  test('a foreign page passes with a credential it has to know, and reads why one is refused', async () => {
    for (const origin of [FOREIGN, 'null']) {
      const response = await publish({ origin, ...bearer(all.text) })
      expect(response.status).toBe(201)
      expect(response.headers.get('access-control-allow-origin')).toBe('*')
      expect(response.headers.has('access-control-allow-credentials')).toBe(false)
      const wrong = await publish({ origin, authorization: 'Bearer mcpsse_wrong' })
      expect(wrong.headers.get('access-control-allow-origin')).toBe('*')
      expect(wrong.headers.get('www-authenticate')).toBe('Bearer realm="mcp-sse", error="invalid_token"')
      await expectProblem(wrong, 401, 'credential-invalid')
    }
  })

  test('a page without a credential is refused by its origin, and only local ones may read why', async () => {
    for (const origin of [FOREIGN, 'null']) {
      const response = await publish({ origin })
      expect(response.headers.has('access-control-allow-origin')).toBe(false)
      await expectProblem(response, 403, 'origin-not-allowed')
    }
    const local = await publish({ origin: LOCAL })
    expect(local.headers.get('access-control-allow-origin')).toBe(LOCAL)
    const { detail } = await expectProblem(local, 403, 'origin-not-allowed')
    expect(detail).toBe(
      `Pages from ${LOCAL} may not publish here: allow them with CORS_ORIGIN=${LOCAL}, or send an Authorization header.`,
    )
    const listed = await publish({ origin: LISTED })
    expect(listed.headers.get('access-control-allow-origin')).toBe(LISTED)
    await expectProblem(listed, 401, 'credential-missing')
  })

  test('no preflight is green whose request would then be refused by its origin', async () => {
    for (const origin of [FOREIGN, LOCAL]) {
      const allowed = origin === LOCAL ? LOCAL : '*'
      const green = await served.fetch('/events/a', preflight('POST', origin, 'content-type, Authorization'))
      expect([green.status, green.headers.get('access-control-allow-origin')]).toEqual([204, allowed])
      for (const [method, path] of [
        ['POST', '/events/a'],
        ['GET', '/events'],
        ['DELETE', '/topics/a'],
        ['POST', '/events/a?ticket=x'],
      ] as const)
        await expectProblem(
          await served.fetch(path, preflight(method, origin, 'content-type')),
          403,
          'origin-not-allowed',
        )
      expect((await served.fetch('/events?ticket=x', preflight('GET', origin, 'last-event-id'))).status).toBe(204)
    }
    expect((await served.fetch('/events/a', preflight('POST', LISTED, 'content-type'))).status).toBe(204)
  })

  test('every page may import /client.js, whatever CORS_ORIGIN lists, and do nothing else with it', async () => {
    const star = await servedHub({ access: keySettings([all], { corsOrigins: ['*'] }) })
    const unset = await servedHub({ access: keySettings([all]) })
    for (const at of [served, star, unset]) {
      for (const origin of [FOREIGN, 'null']) {
        for (const method of ['GET', 'HEAD']) {
          const response = await at.fetch('/client.js', { method, headers: { origin } })
          expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([200, '*'])
          expect(response.headers.has('access-control-allow-credentials')).toBe(false)
        }
        const write = await at.fetch('/client.js', { method: 'POST', body: 'x', headers: { origin } })
        await expectProblem(write, 403, 'origin-not-allowed')
      }
      // A <script src> that asks without CORS.
      const script = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' }
      expect((await at.fetch('/client.js', { headers: script })).status).toBe(200)
    }
    await Promise.all([star.close(), unset.close()])
  })

  test('no page but a listed one reads what else is public, once there is a list', async () => {
    for (const path of ['/openapi.json', '/readyz', '/'])
      expect((await served.fetch(path, { headers: { origin: FOREIGN } })).status).toBe(403)
    expect((await served.fetch('/livez', { headers: { origin: FOREIGN } })).status).toBe(403)
    expect((await served.fetch('/livez', { headers: { origin: LISTED } })).status).toBe(200)
    const unset = await servedHub({ access: keySettings([all]) })
    for (const path of ['/livez', '/openapi.json']) {
      const response = await unset.fetch(path, { headers: { origin: FOREIGN } })
      expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([200, '*'])
    }
    await expectProblem(
      await unset.fetch('/events?format=json', { headers: { origin: FOREIGN } }),
      403,
      'origin-not-allowed',
    )
    await unset.close()
  })

  test('public routes ask for no credential and look at none', async () => {
    for (const path of ['/', '/livez', '/readyz', '/healthz', '/openapi.json', '/client.js', '/favicon.ico'])
      for (const authorization of [undefined, 'Bearer wrong', 'Basic eA=='])
        expect((await served.fetch(path, { headers: authorization ? { authorization } : {} })).status).toBeLessThan(300)
  })

  test('without a credential every other route says how to show one', async () => {
    for (const { method, path } of everyRoute(served)) {
      if (/^\/($|livez|readyz|healthz|openapi|client|favicon|\.well-known)/.test(path)) continue
      const response = await served.fetch(path, { method, body: method === 'POST' ? 'x' : null })
      expect(response.headers.get('www-authenticate')).toBe('Bearer realm="mcp-sse"')
      await expectProblem(response, 401, 'credential-missing')
    }
  })

  test('a request has one credential: two of them, malformed ones and other schemes are refused', async () => {
    for (const authorization of ['Basic eDp5', 'Bearer', 'Bearer a b', all.text])
      await expectProblem(await publish({ authorization }), 401, 'credential-invalid')
    const both = await served.fetch(`/events/a?key=${all.text}`, {
      method: 'POST',
      body: 'x',
      headers: bearer(all.text),
    })
    await expectProblem(both, 401, 'credential-invalid')
  })
})

describe('what anonymous callers may do', () => {
  test('foreign pages read it and never publish, whatever anonymous callers may publish', async () => {
    const served = await servedHub({
      access: keySettings([testKey('all', { publish: ['**'] })], {
        anonymous: { publish: parse('in/**'), subscribe: parse('public/**'), types: [], admin: false },
      }),
    })
    const read = await served.fetch('/events/public/a?format=json', { headers: { origin: FOREIGN } })
    expect([read.status, read.headers.get('access-control-allow-origin')]).toEqual([200, '*'])
    const other = await served.fetch('/events/private/a?format=json', { headers: { origin: FOREIGN } })
    await expectProblem(other, 401, 'credential-missing', '/topic')
    const write = (headers: Record<string, string>) =>
      served.fetch('/events/in/a', { method: 'POST', body: 'x', headers })
    await expectProblem(await write({ origin: FOREIGN }), 403, 'origin-not-allowed')
    await expectProblem(await write({ origin: LOCAL }), 403, 'origin-not-allowed')
    expect((await write({})).status).toBe(201)
    expect((await write({ origin: served.url })).status).toBe(201)
    // DNS rebinding again: a page whose name points here is of the same origin as its requests.
    await expectProblem(
      await write({ origin: 'http://rebound.example', host: 'rebound.example' }),
      403,
      'host-not-allowed',
    )
    await served.close()
  })
})

function parse(text: string) {
  return testKey('x', { subscribe: [text] }).settings.grants.subscribe
}
