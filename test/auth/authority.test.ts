import { beforeAll, describe, expect, test } from 'bun:test'
import { newApiKey } from '../../src/auth/api-keys.ts'
import type { Authority } from '../../src/auth/authority.ts'
import type { Presented } from '../../src/auth/presented.ts'
import { signToken } from '../../src/auth/signed-token.ts'
import { type GrantsDocument, parseGrants } from '../../src/core/grants.ts'
import { LOCAL, type Principal } from '../../src/core/principal.ts'
import { authority, HMAC_SECRET, keyNamed, tokenSettings } from '../support/authority.ts'
import { ManualClock } from '../support/manual-clock.ts'

const clock = new ManualClock()
const now = clock.now()
const { key } = newApiKey()

const keyed = (grants: Partial<GrantsDocument>, expires?: number, name = 'app'): Authority =>
  authority({ keys: [keyNamed(name, key, grants, expires)], tokens: tokenSettings() }, { clock })
const open = authority({}, { clock })
const closed = authority({ key: 'sixteen characters' }, { clock })
const readable = (patterns: string[]): Authority =>
  authority({ key: 'sixteen characters', anonymous: parseGrants({ subscribe: patterns }) }, { clock })
const reading = keyed({ subscribe: ['orders/**'] })

async function by(who: Authority, presented: Presented): Promise<Principal> {
  return await who.recognise(presented)
}

async function ticketOf(who: Authority, asker: Principal): Promise<Principal> {
  return by(who, { kind: 'ticket', text: (await who.issueTicket(asker, { topics: ['orders/**'] })).ticket })
}

const local = LOCAL
let anonymous: Principal
let holder: Principal
let bearer: Principal
let ticket: Principal
let bearerTicket: Principal
let localTicket: Principal
beforeAll(async () => {
  const grants = { subscribe: ['orders/**'] }
  const text = await signToken(HMAC_SECRET, { sub: 'alice', grants }, { now, ttlMs: 7_200_000 })
  anonymous = await by(readable(['orders/**']), { kind: 'none' })
  holder = await by(reading, { kind: 'bearer', text: key })
  bearer = await by(reading, { kind: 'bearer', text })
  ticket = await ticketOf(reading, holder)
  bearerTicket = await ticketOf(reading, bearer)
  localTicket = await ticketOf(open, local)
})

describe('a stream goes on or ends after a reload:', () => {
  const secrets = (list: string[]): Authority => authority({ key, tokens: tokenSettings({ secrets: list }) }, { clock })
  const table: [string, () => Principal, Authority, string | undefined][] = [
    ['local, still open', () => local, authority({}, { clock }), undefined],
    ['local, credentials exist now', () => local, closed, 'credential-revoked'],
    ['local, credentials exist now and something is public', () => local, readable(['a']), 'grants-changed'],
    ['anonymous, as before', () => anonymous, readable(['orders/**']), undefined],
    ['anonymous, less is public', () => anonymous, readable(['orders/eu']), 'grants-changed'],
    ['anonymous, nothing is public', () => anonymous, closed, 'credential-revoked'],
    ['anonymous, now open', () => anonymous, open, 'grants-changed'],
    ['a key, as before', () => holder, keyed({ subscribe: ['orders/**'] }), undefined],
    ['a key that is gone', () => holder, closed, 'credential-revoked'],
    ['a key with more grants', () => holder, keyed({ subscribe: ['**'] }), 'grants-changed'],
    ['a key with fewer grants', () => holder, keyed({ subscribe: ['orders/eu/**'] }), 'grants-changed'],
    ['a key of another name', () => holder, keyed({ subscribe: ['orders/**'] }, undefined, 'web'), 'grants-changed'],
    ['a key that ends some day', () => holder, keyed({ subscribe: ['orders/**'] }, now + 1), 'grants-changed'],
    ['a key that has ended', () => holder, keyed({ subscribe: ['orders/**'] }, now), 'credential-expired'],
    ['a key, now open', () => holder, open, 'grants-changed'],
    ['a token, as before', () => bearer, secrets([HMAC_SECRET]), undefined],
    ['a token whose secret is no longer the first', () => bearer, secrets(['x'.repeat(32), HMAC_SECRET]), undefined],
    ['a token whose secret is gone', () => bearer, secrets(['x'.repeat(32)]), 'credential-revoked'],
    ['a token, no tokens are taken', () => bearer, closed, 'credential-revoked'],
    [
      'a token, another audience is wanted',
      () => bearer,
      authority({ tokens: tokenSettings({ audience: 'hub' }) }, { clock }),
      'credential-revoked',
    ],
    [
      'a token, its grants are in another claim',
      () => bearer,
      authority({ tokens: tokenSettings({ claim: 'other' }) }, { clock }),
      'credential-revoked',
    ],
    ['a ticket, as before', () => ticket, keyed({ subscribe: ['orders/**'] }), undefined],
    ['a ticket whose key got more', () => ticket, keyed({ subscribe: ['**'] }), undefined],
    ['a ticket whose key got less', () => ticket, keyed({ subscribe: ['orders/eu/**'] }), 'grants-changed'],
    ['a ticket whose key lost reading', () => ticket, keyed({ publish: ['**'] }), 'grants-changed'],
    ['a ticket whose key is gone', () => ticket, closed, 'credential-revoked'],
    ['a ticket whose key has ended', () => ticket, keyed({ subscribe: ['orders/**'] }, now), 'credential-expired'],
    ['a ticket, now open', () => ticket, open, 'credential-revoked'],
    ['a ticket of a token, as before', () => bearerTicket, secrets([HMAC_SECRET]), undefined],
    ['a ticket of a token whose secret is gone', () => bearerTicket, secrets(['x'.repeat(32)]), 'credential-revoked'],
    ['a ticket of local, still open', () => localTicket, authority({}, { clock }), undefined],
    ['a ticket of local, credentials exist now', () => localTicket, readable(['**']), 'credential-revoked'],
  ]
  test.each(table)('%s', (_, principal, after, reason) => {
    expect(after.judge(principal())).toBe(reason as never)
  })

  test('a widened key does not close the tickets that were narrowed again before', async () => {
    const narrowed = keyed({ subscribe: ['orders/eu/**'] })
    const text = (await reading.issueTicket(holder, {})).ticket
    const now = await by(narrowed, { kind: 'ticket', text })
    expect(narrowed.judge(now)).toBeUndefined()
    expect(reading.judge(now)).toBe('grants-changed')
  })

  test('what has ended is said to have ended, whatever else changed', async () => {
    const moving = new ManualClock()
    const before = authority({ keys: [keyNamed('app', key, {}, now + 1000)] }, { clock: moving })
    const principal = await by(before, { kind: 'bearer', text: key })
    expect(before.judge(principal)).toBeUndefined()
    moving.pass(1000)
    expect(before.judge(principal)).toBe('credential-expired')
    expect(authority({ key: 'sixteen characters' }, { clock: moving }).judge(principal)).toBe('credential-expired')
  })
})

test('a server is open until it has a key or takes tokens', () => {
  expect(authority().open).toBe(true)
  expect(authority({ key: 'sixteen characters' }).open).toBe(false)
  expect(authority({ keys: [keyNamed('a', key, {})] }).open).toBe(false)
  expect(authority({ tokens: tokenSettings() }).open).toBe(false)
})
