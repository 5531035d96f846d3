import { expect, test } from 'bun:test'
import { signToken } from '../../src/auth/signed-token.ts'
import { bearer } from '../support/access.ts'
import { HMAC_SECRET } from '../support/authority.ts'
import { grantedHub, ORDERS, reader } from '../support/granted-hub.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'

const ask = async (at: ServedHub, headers: Record<string, string> = {}) =>
  (await at.fetch('/whoami', { headers })).json()

test('/whoami says who one is, what one may do and until when', async () => {
  const [served, withAnonymous, open] = await Promise.all([grantedHub(), grantedHub({ anonymous: true }), servedHub()])
  expect(await ask(served, bearer(reader.text))).toEqual({
    principal: 'key:reader',
    grants: { publish: [], subscribe: ['orders/**'], admin: false },
    expires: null,
    mode: 'credentials',
  })
  const jwt = await signToken(HMAC_SECRET, { sub: 'alice', grants: ORDERS }, { now: Date.now(), ttlMs: 60_000 })
  const alice = (await ask(served, bearer(jwt))) as { expires: string }
  expect(alice).toMatchObject({ principal: 'sub:alice', grants: { ...ORDERS, admin: false } })
  expect(Date.parse(alice.expires)).toBeGreaterThan(Date.now())
  expect(await ask(served, { cookie: `hub_token=${jwt}` })).toEqual(alice)
  expect(await ask(withAnonymous)).toMatchObject({ principal: 'anonymous', grants: ORDERS })
  // Whatever else is shown.
  for (const headers of [{}, bearer('x'), bearer(reader.text), { authorization: 'Basic eDp5' }])
    expect(await ask(open, headers)).toEqual({
      principal: 'local',
      grants: { publish: ['**'], subscribe: ['**'], admin: true },
      expires: null,
      mode: 'open',
    })
  await Promise.all([served.close(), withAnonymous.close(), open.close()])
})
