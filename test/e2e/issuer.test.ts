import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { bearer } from '../support/access.ts'
import { Executable } from '../support/executable.ts'
import { Followers } from '../support/followers.ts'
import { Issuer, type SigningKey, signingKey } from '../support/issuer.ts'
import { expectProblem } from '../support/problem.ts'
import { registerSecret } from '../support/secrets.ts'
import { until } from '../support/until.ts'

/** Least time between two fetches of an issuer's keys, and what a slow machine adds. */
const ROTATION_MS = 30_000 + 60_000
/** The same while it has none of them yet. */
const FIRST_FETCH_MS = 2_000

const followers = new Followers()
afterEach(() => followers.stop())

describe('tokens of an issuer whose keys are at a URL', () => {
  const NAMES = { iss: 'https://login.example', aud: 'events' }
  let issuer: Issuer
  let hub: Executable
  let first: SigningKey
  let second: SigningKey
  /** When the hub fetched the keys, at the latest. */
  let fetched = 0

  const tokenOf = async ({ sign }: SigningKey, claims: Record<string, unknown> = {}) => {
    const exp = Math.floor(Date.now() / 1000) + 600
    return registerSecret(
      await sign({ ...NAMES, sub: 'alice', exp, events: { subscribe: ['**'] }, ...claims }),
      'a token',
    )
  }
  const whoami = async (token: string) => fetch(`${hub.url}/whoami`, { headers: bearer(token) })
  const serve = (url: string) =>
    Executable.serve({
      MCP_SSE_AUTH_JWT_JWKS: url,
      MCP_SSE_AUTH_JWT_ISSUER: NAMES.iss,
      MCP_SSE_AUTH_JWT_AUDIENCE: NAMES.aud,
    })

  beforeAll(async () => {
    ;[first, second] = [await signingKey('first'), await signingKey('second', 'EdDSA')]
    issuer = new Issuer(first)
    hub = await serve(issuer.url)
  })
  afterAll(async () => {
    await hub?.remove()
    await issuer?.[Symbol.asyncDispose]()
  })

  test('nothing is fetched before a token needs it; while the issuer is down a stream is told to come back, others get 503', async () => {
    const own = new Issuer(first)
    own.fail()
    const late = await serve(own.url)
    try {
      expect(own.requests).toBe(0)
      const began = performance.now()
      const expectFewRequests = () => {
        expect(own.requests).toBeGreaterThan(0)
        expect(own.requests).toBeLessThanOrEqual(1 + (performance.now() - began) / FIRST_FETCH_MS)
      }
      const headers = bearer(await tokenOf(first))
      const refused = await fetch(`${late.url}/whoami`, { headers })
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
      await expectProblem(refused, 503, 'issuer-unavailable')
      const stream = await followers.open(`${late.url}/events`, headers)
      await until('the end', () => stream.ended === 'clean')
      expect(stream.messages.map(({ event }) => event)).toEqual(['$closing'])
      expect(stream.control('$closing')[0]).toMatchObject({ reason: 'issuer-unavailable', reconnect: true })
      expectFewRequests()
      const before = own.requests
      own.recover()
      await until('the hub to have asked again', async () => (await fetch(`${late.url}/whoami`, { headers })).ok)
      expect(own.requests).toBeGreaterThan(before)
      expectFewRequests()
    } finally {
      await late.remove()
      await own[Symbol.asyncDispose]()
    }
  })

  test(
    'the issuer’s new key counts under the running hub, the one it withdrew no longer, and made-up keys make it ask no more',
    async () => {
      const old = await tokenOf(first)
      expect(await (await whoami(old)).json()).toMatchObject({ principal: 'sub:alice', mode: 'credentials' })
      fetched = performance.now()
      const reader = await followers.open(`${hub.url}/events`, bearer(old))
      issuer.rotate(second)
      const next = await tokenOf(second)
      const forged = { ...(await signingKey('made-up')) }
      await until(
        'the new key to count',
        async () => {
          expect([200, 401]).toContain((await whoami(await tokenOf(forged))).status)
          await Bun.sleep(200)
          return (await whoami(next)).ok
        },
        ROTATION_MS - (performance.now() - fetched),
      )
      expect(issuer.requests).toBe(2)
      await expectProblem(await whoami(old), 401, 'credential-invalid')
      for (const wrong of [{ aud: 'another' }, { iss: 'https://other.example' }, { exp: undefined }]) {
        await expectProblem(await whoami(await tokenOf(second, wrong)), 401, 'credential-invalid')
      }
      await expectProblem(await whoami(await tokenOf({ ...forged, kid: 'second' })), 401, 'credential-invalid')
      expect(reader.ended).toBe('no')
      expect(issuer.requests).toBe(2)
    },
    ROTATION_MS + 10_000,
  )
})
