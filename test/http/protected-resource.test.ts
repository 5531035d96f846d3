import { describe, expect, test } from 'bun:test'
import * as second from '@modelcontextprotocol/client'
import * as first from '@modelcontextprotocol/sdk/client/auth.js'
import { checkResourceAllowed } from '@modelcontextprotocol/sdk/shared/auth-utils.js'
import type { AccessSettings } from '../../src/auth/settings.ts'
import { signToken } from '../../src/auth/signed-token.ts'
import { bearer, keySettings, openSettings, testKey } from '../support/access.ts'
import { HMAC_SECRET, tokenSettings } from '../support/authority.ts'
import { preflight } from '../support/preflight.ts'
import { expectProblem } from '../support/problem.ts'
import { rawRequest } from '../support/raw-request.ts'
import { registerSecret } from '../support/secrets.ts'
import type { ServedHub } from '../support/served-hub.ts'
import { settled } from '../support/settled.ts'
import { withHub } from '../support/with-hub.ts'

const ISSUER = 'https://login.example/tenant'
const PUBLIC = 'https://events.example'
const ROOT = '/.well-known/oauth-protected-resource'
const MCP = `${ROOT}/mcp`
const LOCAL = 'http://localhost:5173'
const FOREIGN = 'https://evil.example'
const EXPOSED = 'Retry-After, WWW-Authenticate, X-Request-Id, Mcp-Session-Id, Mcp-Protocol-Version'
/** What clients of OAuth look for, in one order or another. */
const WELL_KNOWN = [
  ROOT,
  `${ROOT}/`,
  MCP,
  `${ROOT}/sse`,
  '/.well-known/oauth-authorization-server',
  '/.well-known/oauth-authorization-server/mcp',
  '/.well-known/openid-configuration',
  '/.well-known/openid-configuration/mcp',
]
const WITH_ISSUER = WELL_KNOWN.filter((path) => ![ROOT, `${ROOT}/`, MCP].includes(path))

const all = testKey('all', { publish: ['**'], subscribe: ['**'], admin: true })
const reader = testKey('reader', { subscribe: ['orders/**'] })
const ended = testKey('ended', { subscribe: ['**'] }, Date.now() - 1000)

function issued(more: Partial<AccessSettings> = {}, issuer: string = ISSUER): AccessSettings {
  return keySettings([all, reader, ended], { tokens: tokenSettings({ issuer }), ...more })
}

async function metadata(at: ServedHub, path: string, headers: Record<string, string> = {}) {
  const response = await at.fetch(path, { headers })
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json'])
  // It goes by the Host of whoever asked: no cache may give it to anybody else.
  expect(response.headers.get('cache-control')).toBe('no-store')
  return (await response.json()) as Record<string, unknown>
}

describe('what no issuer says anything about is one and the same 404:', () => {
  const settings: [string, AccessSettings, string[]][] = [
    ['in open mode', openSettings, WELL_KNOWN],
    ['with keys alone', keySettings([all]), WELL_KNOWN],
    ['with tokens of a secret', keySettings([all], { tokens: tokenSettings() }), WELL_KNOWN],
    ['with an issuer that is a name and no URL', issued({ publicUrl: PUBLIC }, 'my-backend'), WELL_KNOWN],
    ['with an issuer that is an URL of another kind', issued({}, 'urn:example:issuer'), WELL_KNOWN],
    ['with an issuer, what is not about resources', issued({ publicUrl: PUBLIC }), WITH_ISSUER],
  ]
  test.each(settings)('%s', (_, access, paths) =>
    withHub(access, async (at) => {
      const answers = new Set<string>()
      const asked: Record<string, string>[] = [
        {},
        bearer('mcpsse_wrong'),
        { authorization: 'Basic eA==' },
        { origin: LOCAL },
      ]
      for (const path of paths) {
        for (const headers of asked) {
          const response = await at.fetch(path, { headers })
          expect(response.headers.has('www-authenticate')).toBe(false)
          expect(response.headers.has('access-control-allow-origin')).toBe('origin' in headers)
          // But for the name of the request.
          const { request, ...problem } = await expectProblem(response, 404, 'not-found')
          expect(request).toBe(response.headers.get('x-request-id')!)
          answers.add(JSON.stringify(problem))
        }
        expect((await at.fetch(path, { method: 'HEAD' })).status).toBe(404)
        // Version 1.x of the SDK sends its version along, for which a browser asks first.
        expect((await at.fetch(path, preflight('GET', LOCAL, 'mcp-protocol-version'))).status).toBe(204)
      }
      expect(answers.size).toBe(1)
      expect(at.refused).toEqual([])
    }),
  )

  test('foreign pages read it where they read what is public, and nowhere else', async () => {
    const ask = async (at: ServedHub) => {
      const response = await at.fetch(ROOT, { headers: { origin: FOREIGN } })
      return [response.status, response.headers.get('access-control-allow-origin')]
    }
    await withHub(keySettings([all]), async (at) => expect(await ask(at)).toEqual([404, '*']))
    await withHub(issued(), async (at) => expect(await ask(at)).toEqual([200, '*']))
    await withHub(issued({ corsOrigins: [LOCAL] }), async (at) => expect(await ask(at)).toEqual([403, null]))
    await withHub(openSettings, async (at) => expect(await ask(at)).toEqual([403, null]))
  })
})

describe('with an issuer', () => {
  test('the metadata of the hub and of its MCP endpoint name public_url and the issuer as configured', () =>
    withHub(issued({ publicUrl: PUBLIC }), async (at) => {
      const common = {
        authorization_servers: [ISSUER],
        bearer_methods_supported: ['header'],
        resource_name: 'mcp-sse',
      }
      const asked: Record<string, string>[] = [
        {},
        { host: 'other.example' },
        bearer('mcpsse_wrong'),
        { 'x-forwarded-proto': 'http' },
      ]
      for (const headers of asked) {
        for (const path of [ROOT, `${ROOT}/`])
          expect(await metadata(at, path, headers)).toEqual({ resource: PUBLIC, ...common })
        for (const path of [MCP, `${MCP}/`])
          expect(await metadata(at, path, headers)).toEqual({ resource: `${PUBLIC}/mcp`, ...common })
      }
      expect((await at.fetch(MCP, { method: 'HEAD' })).status).toBe(200)
      await expectProblem(await at.fetch(MCP, { method: 'POST', body: 'x' }), 405, 'method-not-allowed')
    }))

  test('without public_url they name the server as it was asked for', () =>
    withHub(issued(), async (at) => {
      const resource = async (headers: Record<string, string> = {}) => (await metadata(at, MCP, headers)).resource
      expect(await resource()).toBe(`${at.url}/mcp`)
      expect(await resource({ host: 'Hub.Internal:80' })).toBe('http://hub.internal/mcp')
      expect(await resource({ host: '[::1]:3000' })).toBe('http://[::1]:3000/mcp')
      // The proxy of this test is loopback, which is trusted.
      const https = { host: 'hub.example:443', 'x-forwarded-proto': 'https' }
      expect(await resource(https)).toBe('https://hub.example/mcp')
    }))

  test('a scheme that no trusted proxy said is not believed', () =>
    withHub(issued({ trustedProxies: ['10.0.0.0/8'] }), async (at) => {
      const { resource } = await metadata(at, ROOT, { host: 'hub.example', 'x-forwarded-proto': 'https' })
      expect(resource).toBe('http://hub.example')
    }))

  test('a reload that names another one, or none, counts at once', () =>
    withHub(issued({ publicUrl: PUBLIC }), async (at) => {
      await at.reload(issued({ publicUrl: 'https://new.example' }, 'https://other.example'))
      expect(await metadata(at, ROOT)).toMatchObject({
        resource: 'https://new.example',
        authorization_servers: ['https://other.example'],
      })
      await at.reload(keySettings([all]))
      await expectProblem(await at.fetch(ROOT), 404, 'not-found')
      expect((await at.fetch('/mcp')).headers.get('www-authenticate')).toBe('Bearer realm="mcp-sse"')
    }))
})

describe('a refused client is told where tokens are from', () => {
  const challenge = (error: string, at: string) => `Bearer realm="mcp-sse"${error}, resource_metadata="${PUBLIC}${at}"`
  const routes: [string, string, string][] = [
    ['GET', '/mcp', MCP],
    ['POST', '/mcp', MCP],
    ['DELETE', '/mcp', MCP],
    ['POST', '/mcp/', MCP],
    ['GET', '/sse', ROOT],
    ['POST', '/messages?sessionId=x', ROOT],
    ['GET', '/events', ROOT],
    ['HEAD', '/events', ROOT],
    ['POST', '/events', ROOT],
    ['POST', '/events/orders/1', ROOT],
    ['GET', '/topics', ROOT],
    ['GET', '/mcp2', ROOT],
  ]
  test.each(routes)('at %s %s', (method, path, where) =>
    withHub(issued({ publicUrl: PUBLIC }), async (at) => {
      const wrong = ', error="invalid_token"'
      for (const [headers, error] of [
        [{}, ''],
        [bearer('mcpsse_wrong'), wrong],
        [bearer('a.b.c'), wrong],
        [bearer(ended.text), wrong],
        [{ authorization: 'Basic eA==' }, wrong],
      ] as const) {
        const response = await at.fetch(path, { method, headers, body: method === 'POST' ? '{}' : null })
        expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, challenge(error, where)])
      }
    }),
  )

  test('when a grant is missing: a token with more would do', () =>
    withHub(issued({ publicUrl: PUBLIC }), async (at) => {
      for (const [method, path] of [
        ['POST', '/events/orders/1'],
        ['GET', '/events/secret/1'],
        ['GET', '/events/secret/1?format=json'],
        ['DELETE', '/topics/orders/1'],
      ] as const) {
        const body = method === 'POST' ? 'x' : null
        const response = await at.fetch(path, { method, headers: bearer(reader.text), body })
        expect(response.headers.get('www-authenticate')).toBe(challenge(', error="insufficient_scope"', ROOT))
        await expectProblem(
          response,
          403,
          'forbidden',
          response.status === 403 && method !== 'DELETE' ? '/topic' : undefined,
        )
      }
      const key = await at.fetch(`/events/a?key=${all.text}`, { method: 'POST', body: 'x' })
      expect(key.headers.get('www-authenticate')).toBe(challenge(', error="insufficient_scope"', ROOT))
      await expectProblem(key, 403, 'forbidden')
    }))

  test('and not when no token would help: an origin, a host, a proxy, a missing route, a success', async () => {
    const none = async (at: ServedHub, status: number, path: string, headers: Record<string, string>) => {
      const response = await at.fetch(path, { headers })
      expect([response.status, response.headers.get('www-authenticate')]).toEqual([status, null])
      await response.body?.cancel()
    }
    await withHub(issued({ publicUrl: PUBLIC }), async (at) => {
      for (const path of ['/mcp', '/sse', '/events', '/topics']) {
        await none(at, 403, path, { origin: FOREIGN })
        await none(at, 403, path, { host: 'a b' })
      }
      await none(at, 404, '/nothing', bearer(all.text))
      await none(at, 200, '/events', bearer(all.text))
    })
    await withHub(openSettings, async (at) => {
      for (const path of ['/mcp', '/events']) {
        await none(at, 403, path, { host: 'evil.example' })
        await none(at, 403, path, { 'x-forwarded-for': '203.0.113.9' })
      }
    })
  })

  test('pages may read it on the answer itself', () =>
    withHub(issued({ publicUrl: PUBLIC }), async (at) => {
      for (const path of ['/mcp', '/sse', '/events']) {
        const response = await at.fetch(path, { headers: { origin: FOREIGN, ...bearer('mcpsse_wrong') } })
        expect(response.headers.get('access-control-allow-origin')).toBe('*')
        expect(response.headers.get('access-control-expose-headers')).toBe(EXPOSED)
        expect(response.headers.get('www-authenticate')).toContain('resource_metadata=')
        await expectProblem(response, 401, 'credential-invalid')
      }
    }))

  test('without an issuer a 401 says how to show a credential, and a 403 nothing', async () => {
    for (const access of [keySettings([all, reader], { publicUrl: PUBLIC }), issued({ publicUrl: PUBLIC }, 'a-name')]) {
      await withHub(access, async (at) => {
        expect((await at.fetch('/mcp')).headers.get('www-authenticate')).toBe('Bearer realm="mcp-sse"')
        const response = await at.fetch('/events/secret/1', { headers: bearer(reader.text) })
        expect([response.status, response.headers.get('www-authenticate')]).toEqual([403, null])
      })
    }
  })

  test('by the name it asked for, and with a Host that is written like a header by none', () =>
    withHub(issued(), async (at) => {
      const answer = (host: string, target = '/mcp') => rawRequest(at.port, [`GET ${target} HTTP/1.1`, `host: ${host}`])
      expect(await answer('hub.internal:8080')).toContain(
        `Bearer realm="mcp-sse", resource_metadata="http://hub.internal:8080${MCP}"`,
      )
      expect(await answer("a;b=c,'d'.example")).toContain(`resource_metadata="http://a;b=c,'d'.example${MCP}"`)
      for (const host of [
        'evil.example", error="x',
        'evil.example",error="x',
        'evil.example"',
        'evil.example\\',
        'evil.example%22',
        'evil.example%0d%0ax-injected:1',
        'evil.example{}',
        'evil.example`',
        'evil.example\tx',
        'evil.example/x"',
        'good.example, evil.example',
        '"',
      ]) {
        for (const target of ['/mcp', MCP]) {
          const text = await answer(host, target)
          expect(text).toMatch(/^HTTP\/1\.1 40[03]/)
          expect(text).not.toMatch(/www-authenticate|evil\.example/i)
        }
      }
      const twice = ['GET /mcp HTTP/1.1', 'host: good.example', 'host: evil.example']
      expect(await rawRequest(at.port, twice)).not.toContain('evil.example')
      const absolute = ['GET http://evil.example/mcp HTTP/1.1', 'host: good.example']
      expect(await rawRequest(at.port, absolute)).not.toContain('evil.example')
    }))
})

describe('the clients of MCP find the issuer', () => {
  const clients = [
    ['version 1', first.extractWWWAuthenticateParams, first.discoverOAuthProtectedResourceMetadata],
    ['version 2', second.extractWWWAuthenticateParams, second.discoverOAuthProtectedResourceMetadata],
  ] as const
  test.each(clients)('of %s, at the address they were given: /mcp, /sse, the hub itself', (_, paramsOf, discover) =>
    withHub(issued(), async (at) => {
      for (const path of ['/mcp', '/mcp/', '/sse', '/topics']) {
        const given = `${at.url}${path}`
        const refused = await fetch(given)
        const { resourceMetadataUrl, error } = paramsOf(refused)
        expect([refused.status, error]).toEqual([401, undefined])
        // With what the 401 said, and as those do that look in the usual places alone.
        for (const options of [{ resourceMetadataUrl }, {}]) {
          const found = await discover(given, options)
          expect(found.authorization_servers).toEqual([ISSUER])
          expect(checkResourceAllowed({ requestedResource: given, configuredResource: found.resource })).toBe(true)
        }
      }
    }),
  )

  test('and one that finds none is told so by both versions in their own words, without a failure of the server', () =>
    withHub(keySettings([all]), async (at) => {
      for (const [, , discover] of clients)
        expect(await settled(discover(`${at.url}/mcp`))).toThrow(/does not implement/)
      expect(await first.discoverAuthorizationServerMetadata(at.url)).toBeUndefined()
      expect(await second.discoverAuthorizationServerMetadata(at.url)).toBeUndefined()
    }))
})

test('a token for the resource a client was told of is let in, one for another server is not', () =>
  withHub(issued({ publicUrl: PUBLIC, tokens: tokenSettings({ issuer: ISSUER, audience: 'hub' }) }), async (at) => {
    const resource = (await metadata(at, MCP)).resource as string
    const whoami = async (audience: string) => {
      const claims = { sub: 'alice', grants: { subscribe: ['**'] }, issuer: ISSUER, audience }
      const token = await signToken(HMAC_SECRET, claims, { now: Date.now(), ttlMs: 60_000 })
      return at.fetch('/whoami', { headers: bearer(registerSecret(token, 'a token')) })
    }
    expect((await whoami(resource)).status).toBe(200)
    const other = await whoami('https://other.example/mcp')
    expect((await expectProblem(other, 401, 'credential-invalid')).detail).toBe(
      `This token is for another audience; get one with aud hub or ${PUBLIC} or ${PUBLIC}/mcp.`,
    )
  }))
