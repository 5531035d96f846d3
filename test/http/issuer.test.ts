import { describe, expect, test } from 'bun:test'
import { SignJWT } from 'jose'
import { bearer } from '../support/access.ts'
import { tokenSettings } from '../support/authority.ts'
import { Follower } from '../support/follower.ts'
import { ORDERS } from '../support/granted-hub.ts'
import { expectProblem } from '../support/problem.ts'
import { servedHub } from '../support/served-hub.ts'

describe('an issuer that cannot be reached', () => {
  test('is a stream that ends for who asks for a stream, and a 503 for everyone else', async () => {
    const nobody = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response(null, { status: 500 }) })
    const at = await servedHub({ access: { tokens: tokenSettings({ jwks: `http://127.0.0.1:${nobody.port}/jwks` }) } })
    const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
    const token = await new SignJWT({ events: ORDERS })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setExpirationTime('1m')
      .sign(privateKey)
    const own = await Follower.open(`${at.url}/events`, { headers: bearer(token) })
    await own.over()
    expect(own.messages.map(({ event }) => event)).toEqual(['$closing'])
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
