import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { decodeJwt, SignJWT } from 'jose'
import { newApiKey } from '../../src/auth/api-keys.ts'
import type { Authority } from '../../src/auth/authority.ts'
import { TICKET_TYPE } from '../../src/auth/jws.ts'
import { signToken } from '../../src/auth/signed-token.ts'
import { DEFAULT_TICKET_MS, MAX_TICKET_LENGTH, MAX_TICKET_MS } from '../../src/auth/tickets.ts'
import { CLOCK_LEEWAY_S } from '../../src/auth/tokens.ts'
import { HubError } from '../../src/core/errors.ts'
import { type GrantsDocument, grantsDocument, parseGrants } from '../../src/core/grants.ts'
import { LOCAL, type Principal } from '../../src/core/principal.ts'
import { authority, HMAC_SECRET, keyNamed, refusalOf, tokenSettings } from '../support/authority.ts'
import { cpuMs } from '../support/cpu-time.ts'
import { Issuer, signingKey } from '../support/issuer.ts'
import { ManualClock } from '../support/manual-clock.ts'

const { key } = newApiKey()
const clock = new ManualClock()
const SECOND = 1000

function withKey(grants: Partial<GrantsDocument>, expires?: number, at = clock): Authority {
  return authority({ keys: [keyNamed('app', key, grants, expires)], tokens: tokenSettings() }, { clock: at })
}

async function keyHolder(who: Authority): Promise<Principal> {
  return await who.recognise({ kind: 'bearer', text: key })
}

async function ticketFrom(who: Authority, wanted: Parameters<Authority['issueTicket']>[1] = {}): Promise<string> {
  return (await who.issueTicket(await keyHolder(who), wanted)).ticket
}

async function use(who: Authority, ticket: string): Promise<Principal> {
  return await who.recognise({ kind: 'ticket', text: ticket })
}

function readable(principal: Principal): string[] {
  return grantsDocument(principal.grants).subscribe
}

describe('a ticket', () => {
  test('may read what it was asked for and nothing else, never publish, never administrate', async () => {
    const who = withKey({ publish: ['**'], subscribe: ['orders/**'], admin: true })
    const holder = await use(who, await ticketFrom(who, { topics: ['orders/42'], types: ['order.*'] }))
    expect(grantsDocument(holder.grants)).toEqual({
      publish: [],
      subscribe: ['orders/42'],
      types: ['order.*'],
      admin: false,
    })
    expect(holder).toMatchObject({ id: 'key:app', limited: true, expires: clock.now() + DEFAULT_TICKET_MS })
  })

  test('without topics is for all that its asker may read', async () => {
    const who = withKey({ subscribe: ['orders/**', 'news'], types: ['order.*'] })
    const holder = await use(who, await ticketFrom(who))
    expect(grantsDocument(holder.grants)).toMatchObject({ subscribe: ['news', 'orders/**'], types: ['order.*'] })
  })

  test('with wildcards is narrowed to what its asker may read', async () => {
    const who = withKey({ subscribe: ['orders/*'] })
    expect(readable(await use(who, await ticketFrom(who, { topics: ['**'] })))).toEqual(['orders/*'])
  })

  test('counts for the one it names', async () => {
    const who = withKey({ subscribe: ['**'] })
    expect(await use(who, await ticketFrom(who, { sub: 'alice' }))).toMatchObject({ id: 'sub:alice', limited: true })
  })

  test('survives a restart', async () => {
    const ticket = await ticketFrom(withKey({ subscribe: ['a'] }))
    expect(readable(await use(withKey({ subscribe: ['a'] }), ticket))).toEqual(['a'])
  })

  test('holds neither the key it was asked with nor a plain hash of it', async () => {
    const who = withKey({ subscribe: ['**'] })
    const text = JSON.stringify(decodeJwt(await ticketFrom(who)))
    expect(text).not.toContain(key)
    expect(text).not.toContain(keyNamed('app', key, {}).sha256.slice(0, 8))
  })
})

test('a fingerprint is keyed: who holds a ticket cannot try out keys that people made up', async () => {
  const named = (ticketSecret: Uint8Array): Promise<Principal> => keyHolder(authority({ key, ticketSecret }, { clock }))
  const [first, again, other] = await Promise.all([1, 1, 2].map((fill) => named(new Uint8Array(32).fill(fill))))
  expect(again!.credential).toBe(first!.credential)
  expect(other!.credential).not.toBe(first!.credential)
})

test('tickets for many nested wildcards do not keep the server from its other work', async () => {
  const nested = (tail: (n: number) => string): string[] =>
    Array.from({ length: 64 }, (_, n) => '*/'.repeat(n % 20) + tail(n))
  const who = withKey({ subscribe: [...new Set(nested(() => '**'))] })
  const ticket = await ticketFrom(who, { topics: nested((n) => `a${n}/**`) })
  const twenty = async () => {
    for (let round = 0; round < 20; round++) await use(who, ticket)
  }
  expect(await cpuMs(twenty)).toBeLessThan(1_000)
})

describe('a ticket is refused to', () => {
  const may: Partial<GrantsDocument> = { publish: ['**'], subscribe: ['orders/**'], types: ['order.*'] }
  const table: [string, Parameters<Authority['issueTicket']>[1], string][] = [
    ['an asker that may not read the topic', { topics: ['payments/1'] }, 'forbidden /topics'],
    ['an asker that may read none of the topics', { topics: ['payments/**'] }, 'forbidden /topics'],
    ['an asker that may not read the type', { types: ['payment'] }, 'forbidden /types'],
    ['who asks for 65 topics', { topics: Array.from({ length: 65 }, (_, n) => `t${n}`) }, 'invalid-body /topics'],
    ['who asks for a malformed topic', { topics: ['a*'] }, 'invalid-pattern /topics'],
    ['who wants it for no time', { ttlMs: 0 }, 'invalid-body /ttl'],
    ['who wants it for more than 12 hours', { ttlMs: MAX_TICKET_MS + 1 }, 'invalid-body /ttl'],
    ['who wants it for a time that is no number', { ttlMs: Number.NaN }, 'invalid-body /ttl'],
    ['who names a subject with a line break', { sub: 'a\nb' }, 'invalid-body /sub'],
    ['who names an empty subject', { sub: '' }, 'invalid-body /sub'],
  ]
  test.each(table)('%s', async (_, wanted, outcome) => {
    expect(await refusalOf(() => ticketFrom(withKey(may), wanted))).toBe(outcome)
  })

  test('a key that can only publish', async () => {
    expect(await refusalOf(() => ticketFrom(withKey({ publish: ['**'] })))).toBe('forbidden /topics')
  })

  test('another ticket, which would go on for ever', async () => {
    const who = withKey({ subscribe: ['**'] })
    const holder = await use(who, await ticketFrom(who))
    expect(await refusalOf(() => who.issueTicket(holder, {}))).toBe('forbidden')
  })

  test('who asks for more than fits into an URL', async () => {
    const topics = Array.from({ length: 64 }, (_, n) => `${'t'.repeat(200)}${n}`)
    expect(await refusalOf(() => ticketFrom(withKey({ subscribe: ['**'] }), { topics }))).toBe('invalid-body /topics')
  })

  test('an asker that was revoked since it was recognised', async () => {
    const asker = await keyHolder(withKey({ subscribe: ['**'] }))
    const reloaded = authority({ key: 'sixteen characters' }, { clock })
    expect(await refusalOf(() => reloaded.issueTicket(asker, {}))).toBe('credential-invalid asker')
  })

  test('a user who names another one; servers may, and administrators', async () => {
    const who = withKey({ subscribe: ['**'] })
    const signed = async (grants: Partial<GrantsDocument>): Promise<Principal> => {
      const text = await signToken(HMAC_SECRET, { sub: 'alice', grants }, { now: clock.now(), ttlMs: 60_000 })
      return await who.recognise({ kind: 'bearer', text })
    }
    const alice = await signed({ subscribe: ['**'] })
    expect(await refusalOf(() => who.issueTicket(alice, { sub: 'bob' }))).toBe('forbidden /sub')
    expect(await refusalOf(() => who.issueTicket(alice, { sub: 'alice' }))).toBe('recognised')
    const admin = await signed({ subscribe: ['**'], admin: true })
    expect(await refusalOf(() => who.issueTicket(admin, { sub: 'bob' }))).toBe('recognised')
  })
})

test('the longest ticket that is made is one that is recognised', async () => {
  const who = withKey({ subscribe: ['**'] })
  const topics = Array.from({ length: 64 }, (_, n) => `${'t'.repeat(60)}${n}`)
  const ticket = await ticketFrom(who, { topics })
  expect(ticket.length).toBeGreaterThan(MAX_TICKET_LENGTH * 0.9)
  expect(readable(await use(who, ticket))).toHaveLength(64)
})

describe('tickets and tokens are not taken for each other:', () => {
  test('a ticket is no bearer and no cookie', async () => {
    const who = withKey({ subscribe: ['**'] })
    const text = await ticketFrom(who)
    for (const kind of ['bearer', 'cookie'] as const) {
      expect(await refusalOf(() => who.recognise({ kind, text }))).toBe('credential-invalid typ')
    }
  })

  test('even when the secret of both is the same one', async () => {
    const shared = new TextEncoder().encode(HMAC_SECRET)
    const who = authority({ key, tokens: tokenSettings(), ticketSecret: shared }, { clock })
    const text = await ticketFrom(who)
    expect(await refusalOf(() => who.recognise({ kind: 'bearer', text }))).toBe('credential-invalid typ')
    const token = await signToken(HMAC_SECRET, { sub: 'a', grants: {} }, { now: clock.now(), ttlMs: 60_000 })
    expect(await refusalOf(() => use(who, token))).toBe('credential-invalid typ')
  })

  test('a key is no ticket', async () => {
    expect(await refusalOf(() => use(withKey({ subscribe: ['**'] }), key))).toBe('credential-invalid syntax')
  })

  test('a ticket of another server is none of this one', async () => {
    const who = withKey({ subscribe: ['**'] })
    const other = authority({ key, ticketSecret: new Uint8Array(32).fill(8) }, { clock })
    expect(await refusalOf(async () => use(who, await ticketFrom(other)))).toBe('credential-invalid signature')
  })

  test('a ticket signed by the secret of tokens, or by none, is none', async () => {
    const who = withKey({ subscribe: ['**'] })
    const content = decodeJwt(await ticketFrom(who))
    const forged = await new SignJWT(content)
      .setProtectedHeader({ alg: 'HS256', typ: TICKET_TYPE })
      .sign(new TextEncoder().encode(HMAC_SECRET))
    expect(await refusalOf(() => use(who, forged))).toBe('credential-invalid signature')
    const [, payload] = forged.split('.')
    const header = Buffer.from(JSON.stringify({ alg: 'none', typ: TICKET_TYPE })).toString('base64url')
    expect(await refusalOf(() => use(who, `${header}.${payload}.`))).toBe('credential-invalid typ')
  })

  test('a ticket that is changed anywhere is none', async () => {
    const who = withKey({ subscribe: ['**'] })
    const ticket = await ticketFrom(who)
    await fc.assert(
      fc.asyncProperty(fc.nat(ticket.length - 1), fc.integer({ min: 0, max: 6 }), async (at, bit) => {
        const flipped = String.fromCharCode(ticket.charCodeAt(at) ^ (1 << bit))
        const changed = ticket.slice(0, at) + flipped + ticket.slice(at + 1)
        return (await refusalOf(() => use(who, changed))).startsWith('credential-invalid ')
      }),
      { numRuns: 3_000 },
    )
  })
})

describe('a ticket ends', () => {
  test('at its time, to the second, without leeway: this server wrote it', async () => {
    const moving = new ManualClock()
    const who = withKey({ subscribe: ['**'] }, undefined, moving)
    const { ticket, expires } = await who.issueTicket(await keyHolder(who), { ttlMs: 5 * SECOND })
    expect(expires).toBe(moving.now() + 5 * SECOND)
    moving.set(expires - 1)
    expect((await use(who, ticket)).expires).toBe(expires)
    moving.set(expires)
    expect(await refusalOf(() => use(who, ticket))).toBe('credential-expired exp')
  })

  test('with the key it was asked with, when that ends first', async () => {
    const ends = clock.now() + 90 * SECOND
    const who = withKey({ subscribe: ['**'] }, ends)
    expect(await who.issueTicket(await keyHolder(who), {})).toMatchObject({ expires: ends })
  })

  test('with the token it was asked with, when that ends first', async () => {
    const who = withKey({})
    const grants = { subscribe: ['**'] }
    const text = await signToken(HMAC_SECRET, { sub: 'alice', grants }, { now: clock.now(), ttlMs: 90 * SECOND })
    const asker = await who.recognise({ kind: 'bearer', text })
    const { ticket, expires } = await who.issueTicket(asker, {})
    expect(expires).toBe(asker.expires!)
    expect(expires).toBe(clock.now() + (90 + CLOCK_LEEWAY_S) * SECOND)
    expect(await use(who, ticket)).toMatchObject({ id: 'sub:alice', expires })
  })

  test('never later, whatever is asked for', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 2 * MAX_TICKET_MS }),
        fc.integer({ min: 1, max: 2 * MAX_TICKET_MS }),
        async (ttlMs, leftMs) => {
          const who = withKey({ subscribe: ['**'] }, clock.now() + leftMs)
          try {
            const { expires } = await who.issueTicket(await keyHolder(who), { ttlMs })
            return expires <= clock.now() + Math.min(ttlMs, leftMs, MAX_TICKET_MS) && expires > clock.now()
          } catch (error) {
            return error instanceof HubError
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  test('when its key is revoked', async () => {
    const ticket = await ticketFrom(withKey({ subscribe: ['**'] }))
    const after = authority({ keys: [keyNamed('app', newApiKey().key, { subscribe: ['**'] })] }, { clock })
    expect(await refusalOf(() => use(after, ticket))).toBe('credential-invalid asker')
  })

  test('when its key has been made to end', async () => {
    const ticket = await ticketFrom(withKey({ subscribe: ['**'] }))
    const who = withKey({ subscribe: ['**'] }, clock.now() - 1)
    expect(await refusalOf(() => use(who, ticket))).toBe('credential-expired asker')
    const soon = withKey({ subscribe: ['**'] }, clock.now() + 1)
    expect((await use(soon, ticket)).expires).toBe(clock.now() + 1)
  })

  test('where its key was narrowed, and does not grow with it', async () => {
    const ticket = await ticketFrom(withKey({ subscribe: ['orders/**'] }))
    expect(readable(await use(withKey({ subscribe: ['orders/eu/**'] }), ticket))).toEqual(['orders/eu/**'])
    expect(readable(await use(withKey({ subscribe: ['**'] }), ticket))).toEqual(['orders/**'])
    expect(readable(await use(withKey({ publish: ['**'] }), ticket))).toEqual([])
    const typed = withKey({ subscribe: ['**'], types: ['order.*'] })
    expect(grantsDocument((await use(typed, ticket)).grants).types).toEqual(['order.*'])
  })

  test.each([
    ['fewer types', ['news'], ['news']],
    ['narrower types', ['order.paid', 'news'], ['news', 'order.paid']],
    ['no type in common, and so nothing to read', ['payment'], undefined],
  ])('where its key was narrowed to %s', async (_, types, left) => {
    const ticket = await ticketFrom(withKey({ subscribe: ['**'], types: ['order.*', 'news'] }))
    const grants = grantsDocument((await use(withKey({ subscribe: ['**'], types }), ticket)).grants)
    expect(grants.types?.sort()).toEqual(left as never)
    expect(grants.subscribe).toEqual(left ? ['**'] : [])
  })

  test('when the secret of its token is no longer trusted', async () => {
    const who = withKey({})
    const text = await signToken(
      HMAC_SECRET,
      { sub: 'alice', grants: { subscribe: ['a'] } },
      { now: clock.now(), ttlMs: 60 * SECOND },
    )
    const { ticket } = await who.issueTicket(await who.recognise({ kind: 'bearer', text }), {})
    expect(readable(await use(who, ticket))).toEqual(['a'])
    const rotated = authority({ key, tokens: tokenSettings({ secrets: [`${HMAC_SECRET}-2`] }) }, { clock })
    expect(await refusalOf(() => use(rotated, ticket))).toBe('credential-invalid asker')
  })

  test('when the issuer of its token withdraws the key, but not when the server restarts', async () => {
    const moving = new ManualClock()
    const signing = await signingKey('one')
    await using issuer = new Issuer(signing)
    const make = (): Authority => authority({ tokens: tokenSettings({ jwks: issuer.url }) }, { clock: moving })
    const who = make()
    const exp = Math.floor(moving.now() / 1000) + 3_600
    const text = await signing.sign({ sub: 'alice', exp, events: { subscribe: ['a'] } })
    const { ticket } = await who.issueTicket(await who.recognise({ kind: 'cookie', text }), {})
    expect(readable(await use(make(), ticket))).toEqual(['a'])
    issuer.fail()
    expect(await refusalOf(() => use(make(), ticket))).toBe('issuer-unavailable issuer')
    issuer.recover()
    issuer.rotate(await signingKey('two'))
    expect(await refusalOf(() => use(make(), ticket))).toBe('credential-invalid asker')
  })
})

describe('who has no credential may have a ticket too:', () => {
  const anonymous = parseGrants({ subscribe: ['public/**'] })

  test('local in open mode; it is what it says, also there', async () => {
    const open = authority({}, { clock })
    const { ticket } = await open.issueTicket(LOCAL, { topics: ['a'], sub: 'tab-1' })
    expect(await use(open, ticket)).toMatchObject({ id: 'sub:tab-1', limited: true, grants: { admin: false } })
    expect(readable(await use(open, ticket))).toEqual(['a'])
    const closed = authority({ key, anonymous }, { clock })
    expect(await refusalOf(() => use(closed, ticket))).toBe('credential-invalid asker')
  })

  test('anonymous, until nothing is granted to all', async () => {
    const who = authority({ key, anonymous }, { clock })
    const asker = await who.recognise({ kind: 'none' })
    const { ticket } = await who.issueTicket(asker, {})
    expect(await use(who, ticket)).toMatchObject({ id: 'anonymous', limited: false })
    expect(await refusalOf(() => who.issueTicket(asker, { sub: 'bob' }))).toBe('forbidden /sub')
    expect(await refusalOf(() => use(authority({ key }, { clock }), ticket))).toBe('credential-invalid asker')
    expect(await refusalOf(() => use(authority({}, { clock }), ticket))).toBe('credential-invalid asker')
  })
})
