import { describe, expect, test } from 'bun:test'
import { signToken } from '../../src/auth/signed-token.ts'
import { parsePattern } from '../../src/core/pattern.ts'
import { bearer, keySettings, openSettings, testKey } from '../support/access.ts'
import { HMAC_SECRET, tokenSettings } from '../support/authority.ts'
import { preflight } from '../support/preflight.ts'
import { expectProblem } from '../support/problem.ts'
import { registerSecret } from '../support/secrets.ts'
import type { ServedHub } from '../support/served-hub.ts'
import { withHub } from '../support/with-hub.ts'

const LOCAL = 'http://localhost:5173'
const LISTED = 'https://app.example'
const FOREIGN = ['https://evil.example', 'null', 'http://localhost.evil.example']
const ROUTES = [
  ['GET', '/mcp'],
  ['HEAD', '/mcp'],
  ['POST', '/mcp'],
  ['DELETE', '/mcp'],
  ['GET', '/mcp/'],
  ['GET', '/sse'],
  ['HEAD', '/sse'],
  ['GET', '/sse/'],
  ['POST', '/messages?sessionId=x'],
  ['POST', '/messages/?sessionId=x'],
] as const

const PASSABLE = ROUTES.filter(([method]) => method !== 'HEAD')

const all = testKey('all', { publish: ['**'], subscribe: ['**'], admin: true })
const everything = { publish: [parsePattern('**')], subscribe: [parsePattern('**')], types: [], admin: false }

/** What the gate says, streams left alone: whoever passes it may still be refused by MCP, in its own words. */
async function asks(at: ServedHub, method: string, path: string, headers: Record<string, string>) {
  const init = { method, headers: { 'content-type': 'application/json', ...headers } }
  const response = await at.fetch(path, method === 'POST' ? { ...init, body: '{}' } : init)
  const isProblem = method !== 'HEAD' && response.headers.get('content-type') === 'application/problem+json'
  const code = isProblem ? ((await response.json()) as { code: string }).code : undefined
  await response.body?.cancel().catch(() => {})
  return {
    passed: ![401, 403].includes(response.status),
    code,
    readableBy: response.headers.get('access-control-allow-origin'),
  }
}

async function refusesForeignPages(at: ServedHub): Promise<void> {
  for (const origin of FOREIGN) {
    for (const [method, path] of ROUTES) {
      const answer = await asks(at, method, path, { origin })
      const code = method === 'HEAD' ? undefined : 'origin-not-allowed'
      expect({ method, path, ...answer }).toEqual({ method, path, passed: false, code, readableBy: null })
      const asked = await at.fetch(path, preflight(method, origin, 'content-type, mcp-session-id'))
      await expectProblem(asked, 403, 'origin-not-allowed')
    }
  }
  // An image, a script or a link: no Origin, and another site.
  for (const mode of ['no-cors', 'navigate'])
    for (const path of ['/mcp', '/sse']) {
      const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': mode, 'sec-fetch-dest': 'document' }
      expect(await asks(at, 'GET', path, headers)).toMatchObject({ passed: false, code: 'origin-not-allowed' })
    }
}

describe('no foreign page without a credential reaches MCP, not even by a GET:', () => {
  test.each([
    ['in open mode', openSettings],
    ['in open mode where every page may read', { ...openSettings, corsOrigins: ['*'] }],
    ['with --auth-open where every page may read', { ...openSettings, open: true, corsOrigins: ['*'] }],
    ['with credentials', keySettings([all])],
    ['with credentials where every page may read', keySettings([all], { corsOrigins: ['*'], anonymous: everything })],
    ['with credentials where anonymous callers may do everything', keySettings([all], { anonymous: everything })],
  ])('%s', (_, settings) => withHub(settings, refusesForeignPages))

  test('the same pages read events where those settings say so', () =>
    withHub({ ...openSettings, corsOrigins: ['*'] }, async (at) => {
      const read = await asks(at, 'GET', '/events?format=json', { origin: FOREIGN[0]! })
      expect(read).toEqual({ passed: true, code: undefined, readableBy: '*' })
    }))

  test('and are told what may help', () =>
    withHub(keySettings([all], { corsOrigins: ['*'], anonymous: everything }), async (at) => {
      const response = await at.fetch('/sse', { headers: { origin: FOREIGN[0]! } })
      expect((await expectProblem(response, 403, 'origin-not-allowed')).detail).toBe(
        'Pages from https://evil.example may not speak MCP here: allow them with CORS_ORIGIN=https://evil.example, or send an Authorization header.',
      )
    }))
})

describe('who reaches MCP', () => {
  test('in open mode: programs, and pages of this machine and listed ones, which may read the answer', () =>
    withHub({ ...openSettings, corsOrigins: [LISTED] }, async (at) => {
      for (const [method, path] of PASSABLE) {
        expect(await asks(at, method, path, {})).toMatchObject({ passed: true, readableBy: null })
        for (const origin of [LOCAL, LISTED]) {
          expect(await asks(at, method, path, { origin })).toMatchObject({ passed: true, readableBy: origin })
          expect((await at.fetch(path, preflight(method, origin, 'mcp-session-id'))).status).toBe(204)
        }
      }
    }))

  test('with credentials: every page that sends one, and preflights say so before', () =>
    withHub(keySettings([all]), async (at) => {
      for (const [method, path] of PASSABLE) {
        for (const origin of [...FOREIGN, LOCAL]) {
          const readableBy = origin === LOCAL ? LOCAL : '*'
          expect(await asks(at, method, path, { origin, ...bearer(all.text) })).toMatchObject({
            passed: true,
            readableBy,
          })
          expect((await at.fetch(path, preflight(method, origin, 'authorization, mcp-session-id'))).status).toBe(204)
        }
        const wrong = await asks(at, method, path, { origin: FOREIGN[0]!, ...bearer('mcpsse_wrong') })
        expect(wrong).toMatchObject({ passed: false, readableBy: '*' })
      }
    }))

  test('with credentials and without grants for anonymous callers: nobody who shows none, before any body is read', () =>
    withHub(keySettings([all], { corsOrigins: [LISTED] }), async (at) => {
      for (const [method, path] of ROUTES) {
        for (const headers of [{}, { origin: at.url }, { origin: LISTED }]) {
          const code = method === 'HEAD' ? undefined : 'credential-missing'
          expect(await asks(at, method, path, headers as Record<string, string>)).toMatchObject({ passed: false, code })
        }
      }
    }))

  test('no ticket and no key in the query: they are for streams and for publishing', () =>
    withHub(keySettings([all]), async (at) => {
      for (const query of ['ticket=x.y.z', `key=${all.text}`])
        for (const [method, path] of ROUTES) {
          const asked = path + (path.includes('?') ? '&' : '?') + query
          const code = method === 'HEAD' ? undefined : 'credential-missing'
          expect(await asks(at, method, asked, {})).toMatchObject({ passed: false, code })
          const foreign = await asks(at, method, asked, { origin: FOREIGN[0]! })
          expect(foreign.code).toBe(method === 'HEAD' ? undefined : 'origin-not-allowed')
        }
    }))

  test('a cookie from own and listed origins alone', () =>
    withHub(keySettings([], { tokens: tokenSettings({ cookie: 'hub' }), corsOrigins: [LISTED] }), async (at) => {
      const claims = { sub: 'alice', grants: { subscribe: ['**'] } }
      const token = await signToken(HMAC_SECRET, claims, { now: Date.now(), ttlMs: 60_000 })
      const cookie = `hub=${registerSecret(token, 'a token')}`
      for (const [method, path] of PASSABLE) {
        for (const origin of [at.url, LISTED])
          expect(await asks(at, method, path, { origin, cookie })).toMatchObject({ passed: true })
        for (const origin of [...FOREIGN, LOCAL])
          expect(await asks(at, method, path, { origin, cookie })).toMatchObject({ passed: false })
      }
    }))
})
