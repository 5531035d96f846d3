import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { signToken } from '../../src/auth/signed-token.ts'
import { keySettings } from '../support/access.ts'
import { HMAC_SECRET } from '../support/authority.ts'
import { grantedKeys, grantedTokens, ORDERS } from '../support/granted-hub.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'

const APP = 'https://app.example'

let served: ServedHub
let cookie: string
beforeAll(async () => {
  served = await servedHub({ access: keySettings(grantedKeys, { tokens: grantedTokens, corsOrigins: [APP] }) })
  const claims = { sub: 'alice', grants: ORDERS }
  cookie = `a=b; hub_token=${await signToken(HMAC_SECRET, claims, { now: Date.now(), ttlMs: 60_000 })}`
})
afterAll(() => served.close())

/** Status and who may read the answer, with cookies or not. */
async function publish(at: ServedHub, headers: Record<string, string>) {
  const response = await at.fetch('/events/orders/1', { method: 'POST', body: 'x', headers: { cookie, ...headers } })
  return [
    response.status,
    response.headers.get('access-control-allow-origin'),
    response.headers.get('access-control-allow-credentials'),
  ]
}

describe('a cookie', () => {
  test('counts from own and listed origins and nowhere else, so that no foreign page acts for its visitor', async () => {
    expect(await publish(served, { origin: served.url })).toEqual([201, null, null])
    expect(await publish(served, { origin: APP })).toEqual([201, APP, 'true'])
    expect(await publish(served, {})).toEqual([201, null, null])
    expect(await publish(served, { 'sec-fetch-site': 'same-origin' })).toEqual([201, null, null])
    expect(await publish(served, { 'sec-fetch-site': 'same-site' })).toEqual([401, null, null])
    for (const origin of ['https://evil.example', 'null', `${APP}.evil.example`])
      expect(await publish(served, { origin })).toEqual([403, null, null])
    expect(await publish(served, { origin: 'http://localhost:5173' })).toEqual([403, 'http://localhost:5173', null])
  })

  test('is never sent to an answer that every page may read, whatever route it is', async () => {
    for (const path of ['/livez', '/client.js', '/openapi.json', '/events?format=json']) {
      const { headers } = await served.fetch(path, { headers: { cookie, origin: APP } })
      expect(headers.get('access-control-allow-origin')).toBe(APP)
    }
  })

  test('that no setting names is none: listed pages are not told to send any', async () => {
    const at = await servedHub({
      access: keySettings(grantedKeys, { tokens: { ...grantedTokens, cookie: undefined }, corsOrigins: [APP] }),
    })
    expect(await publish(at, { origin: APP })).toEqual([401, APP, null])
    for (const path of ['/livez', '/client.js']) {
      const { headers } = await at.fetch(path, { headers: { origin: APP } })
      expect(headers.has('access-control-allow-credentials')).toBe(false)
    }
    await at.close()
  })
})
