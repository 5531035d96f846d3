import { beforeAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { base64url, type JWTPayload, SignJWT } from 'jose'
import type { Authority } from '../../src/auth/authority.ts'
import { explain } from '../../src/auth/explanation.ts'
import { MAX_CREDENTIAL_LENGTH } from '../../src/auth/presented.ts'
import { signToken } from '../../src/auth/signed-token.ts'
import { CLOCK_LEEWAY_S } from '../../src/auth/tokens.ts'
import { HubError } from '../../src/core/errors.ts'
import { grantsDocument } from '../../src/core/grants.ts'
import { authority, HMAC_SECRET, refusalOf, tokenSettings } from '../support/authority.ts'
import { Issuer, type SigningKey, signingKey } from '../support/issuer.ts'
import { ManualClock } from '../support/manual-clock.ts'

const clock = new ManualClock()
const now = Math.floor(clock.now() / 1000)
const claims: JWTPayload = { sub: 'alice', exp: now + 60, events: { publish: [], subscribe: ['orders/**'] } }

function hmac(payload: JWTPayload, header: Record<string, unknown> = {}, secret = HMAC_SECRET): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg: 'HS256', ...header }).sign(new TextEncoder().encode(secret))
}

/** With a header and a signature that no library would make. */
function forged(header: unknown, payload: unknown = claims, signature = 'c2lnbmF0dXJl'): string {
  return `${base64url.encode(JSON.stringify(header))}.${base64url.encode(JSON.stringify(payload))}.${signature}`
}

async function recognised(token: string, who = authority({ tokens: tokenSettings() }, { clock })) {
  return await who.recognise({ kind: 'bearer', text: token })
}

let rsa: SigningKey
let ec: SigningKey
let ed: SigningKey
beforeAll(async () => {
  ;[rsa, ec, ed] = await Promise.all([signingKey('rsa', 'RS256'), signingKey('ec'), signingKey('ed', 'EdDSA')])
})

describe('a good token', () => {
  test('is a principal with the grants of its claim, until its end and the leeway', async () => {
    const principal = await recognised(await hmac(claims))
    expect(principal).toMatchObject({ id: 'sub:alice', limited: true, expires: (now + 60 + CLOCK_LEEWAY_S) * 1000 })
    expect(grantsDocument(principal.grants)).toEqual({ publish: [], subscribe: ['orders/**'], admin: false })
    expect(principal.credential).toMatch(/^secret:[0-9a-f]{16}$/)
  })

  test('is what signToken makes', async () => {
    const grants = { publish: ['a'], types: ['order.*'], admin: true }
    const token = await signToken(HMAC_SECRET, { sub: 'bob', grants }, { now: clock.now(), ttlMs: 60_000 })
    const principal = await recognised(token)
    expect(principal.id).toBe('sub:bob')
    expect(grantsDocument(principal.grants)).toEqual({ ...grants, subscribe: [] })
  })

  test('without the claim may do nothing', async () => {
    const { grants } = await recognised(await hmac({ exp: now + 60 }))
    expect(grantsDocument(grants)).toEqual({ publish: [], subscribe: [], admin: false })
  })

  test('without a subject counts by itself, not with all others without one', async () => {
    const first = await hmac({ exp: now + 60 })
    const second = await hmac({ exp: now + 61 })
    const ids = await Promise.all([first, first, second].map(async (token) => (await recognised(token)).id))
    expect(ids[0]).toMatch(/^token:[0-9a-f]{16}$/)
    expect(ids[1]).toBe(ids[0]!)
    expect(ids[2]).not.toBe(ids[0]!)
  })

  test.each(['JWT', 'jwt', 'at+jwt', 'application/at+JWT'])('may be of the type %s', async (typ) => {
    expect((await recognised(await hmac(claims, { typ }))).id).toBe('sub:alice')
  })

  test('is signed by any secret of the list, so that secrets can be rotated', async () => {
    const rotated = `${HMAC_SECRET}-the-next-one`
    const who = authority({ tokens: tokenSettings({ secrets: [rotated, HMAC_SECRET] }) }, { clock })
    expect((await recognised(await hmac(claims), who)).id).toBe('sub:alice')
    expect((await recognised(await hmac(claims, {}, rotated), who)).id).toBe('sub:alice')
    const after = authority({ tokens: tokenSettings({ secrets: [rotated] }) }, { clock })
    expect(await refusalOf(async () => recognised(await hmac(claims), after))).toBe('credential-invalid signature')
  })

  test('says nothing of itself in its principal', async () => {
    const token = await hmac(claims)
    expect(JSON.stringify(await recognised(token))).not.toContain(token.split('.')[2]!)
  })
})

test('a secret of less than 32 bytes stops the start and is not shown', () => {
  const short = 'thirty-one-bytes-are-not-enough'
  try {
    authority({ tokens: tokenSettings({ secrets: [short] }) })
    expect.unreachable()
  } catch (error) {
    expect(error).toMatchObject({ code: 'invalid-config' })
    expect((error as Error).message).not.toContain(short.slice(0, 8))
  }
})

describe('time:', () => {
  const table: [string, JWTPayload, string][] = [
    ['an expired token counts to the last second of the leeway', { exp: now - CLOCK_LEEWAY_S + 1 }, 'recognised'],
    ['an expired token ends with the leeway', { exp: now - CLOCK_LEEWAY_S }, 'credential-expired exp'],
    ['an early token counts from the leeway on', { exp: now + 60, nbf: now + CLOCK_LEEWAY_S }, 'recognised'],
    ['an early token is refused', { exp: now + 60, nbf: now + CLOCK_LEEWAY_S + 1 }, 'credential-invalid nbf'],
    ['a token may be issued within the leeway', { exp: now + 60, iat: now + CLOCK_LEEWAY_S }, 'recognised'],
    ['a token from the future is refused', { exp: now + 60, iat: now + CLOCK_LEEWAY_S + 1 }, 'credential-invalid iat'],
    ['a token without an end is refused', {}, 'credential-invalid exp'],
    ['an end that is a text is refused', { exp: '2999-01-01' as unknown as number }, 'credential-invalid exp'],
    ['an end beyond all dates is the last date', { exp: 1e300 }, 'recognised'],
    ['an end before all dates has passed', { exp: -1e300 }, 'credential-expired exp'],
  ]
  test.each(table)('%s', async (_, payload, outcome) => {
    const token = await new SignJWT(payload)
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode(HMAC_SECRET))
    expect(await refusalOf(() => recognised(token))).toBe(outcome)
  })

  test('who is recognised has not ended yet, up to the millisecond', async () => {
    const moving = new ManualClock()
    const who = authority({ tokens: tokenSettings() }, { clock: moving })
    const token = await hmac({ exp: now + 5 })
    for (const at of [4_999, 5_000, 14_999]) {
      moving.set(clock.now() + at)
      expect((await recognised(token, who)).expires).toBeGreaterThan(moving.now())
    }
    moving.pass(1)
    expect(await refusalOf(() => recognised(token, who))).toBe('credential-expired exp')
  })

  test('an end beyond all dates can still be shown as one', async () => {
    const { expires } = await recognised(await hmac({ exp: 1e300 }))
    expect(() => new Date(expires!).toISOString()).not.toThrow()
  })
})

describe('claims:', () => {
  const strict = tokenSettings({ issuer: 'https://issuer.example', audience: 'hub' })
  const good = { ...claims, iss: 'https://issuer.example', aud: 'hub' }
  const table: [string, JWTPayload, string][] = [
    ['issuer and audience as configured pass', good, 'recognised'],
    ['one of several audiences passes', { ...good, aud: ['other', 'hub'] }, 'recognised'],
    ['another issuer is refused', { ...good, iss: 'https://issuer.example.evil' }, 'credential-invalid iss'],
    ['no issuer is refused', { ...claims, aud: 'hub' }, 'credential-invalid iss'],
    ['a token for another service is refused', { ...good, aud: 'other' }, 'credential-invalid aud'],
    ['an audience that only begins so is refused', { ...good, aud: 'hub2' }, 'credential-invalid aud'],
    ['no audience is refused', { ...claims, iss: good.iss }, 'credential-invalid aud'],
    ['a subject of 256 characters passes', { ...good, sub: 'x'.repeat(256) }, 'recognised'],
    ['a subject of 257 characters is refused', { ...good, sub: 'x'.repeat(257) }, 'credential-invalid sub'],
    ['a subject with a line break is refused', { ...good, sub: 'a\nb' }, 'credential-invalid sub'],
    ['an empty subject is refused', { ...good, sub: '' }, 'credential-invalid sub'],
    ['a subject that is no text is refused', { ...good, sub: 1 as unknown as string }, 'credential-invalid sub'],
  ]
  test.each(table)('%s', async (_, payload, outcome) => {
    const token = await hmac(payload)
    expect(await refusalOf(() => recognised(token, authority({ tokens: strict }, { clock })))).toBe(outcome)
  })
})

describe('audience:', () => {
  const HUB = 'https://events.example'
  const issuer = 'https://issuer.example'
  const good = { ...claims, iss: issuer }
  const accepted = ['hub', ['other', 'hub'], HUB, `${HUB}/`, `${HUB}/mcp`, `${HUB}/mcp/`, ['x', `${HUB}/mcp/`]]
  const others: (string | string[] | undefined)[] = [
    undefined,
    '',
    [],
    'Hub',
    'hub/',
    ['other'],
    'https://other.example',
    'https://other.example/mcp',
    `${HUB}//`,
    `${HUB}/sse`,
    `${HUB}/mcp/x`,
    `${HUB}:443/mcp`,
    `${HUB}.evil.example/mcp`,
    'https://EVENTS.example',
    'http://events.example/mcp',
  ]
  const REFUSED = 'credential-invalid aud'
  const outcome = async (who: Authority, aud: unknown, sign = hmac) => {
    const token = await sign({ ...good, ...(aud === undefined ? {} : { aud: aud as string }) })
    return refusalOf(() => recognised(token, who))
  }

  test('the configured one and, beside it, the resources of public_url, with or without a last slash', async () => {
    await using keys = new Issuer(ec)
    const tokens = tokenSettings({ issuer, audience: 'hub', secrets: [HMAC_SECRET], jwks: keys.url })
    const who = authority({ tokens, publicUrl: HUB }, { clock })
    for (const sign of [hmac, ec.sign]) {
      for (const aud of accepted) expect(await outcome(who, aud, sign)).toBe('recognised')
      for (const aud of others) expect(await outcome(who, aud, sign)).toBe(REFUSED)
    }
  })

  test('without a configured one the resources alone, for whatever the issuer’s keys signed', async () => {
    await using keys = new Issuer(ec)
    const tokens = tokenSettings({ issuer, secrets: [HMAC_SECRET], jwks: keys.url })
    const who = authority({ tokens, publicUrl: HUB }, { clock })
    for (const aud of accepted)
      expect(await outcome(who, aud, ec.sign)).toBe(JSON.stringify(aud).includes(HUB) ? 'recognised' : REFUSED)
    for (const aud of others) expect(await outcome(who, aud, ec.sign)).toBe(REFUSED)
    // What the backend with the secret signs is for nobody else.
    for (const aud of [...accepted, ...others]) expect(await outcome(who, aud)).toBe('recognised')
  })

  test('of a secret alone is not looked at until one is configured', async () => {
    const unset = authority({ tokens: tokenSettings({ issuer }), publicUrl: HUB }, { clock })
    for (const aud of [...accepted, ...others]) expect(await outcome(unset, aud)).toBe('recognised')
  })

  test('by a public_url nobody is let in where no issuer is configured, or by an issuer where no public_url is', async () => {
    for (const settings of [
      { tokens: tokenSettings({ audience: 'hub' }), publicUrl: HUB },
      { tokens: tokenSettings({ audience: 'hub', issuer }) },
    ]) {
      const who = authority(settings, { clock })
      expect(await outcome(who, 'hub')).toBe('recognised')
      for (const aud of [HUB, `${HUB}/mcp`, `${issuer}/mcp`, '/mcp', 'undefined/mcp'])
        expect(await outcome(who, aud)).toBe(REFUSED)
    }
  })

  test('and the refusal names all that would do', async () => {
    const tokens = tokenSettings({ issuer, audience: 'hub' })
    const explained = await explain(authority({ tokens, publicUrl: HUB }, { clock }), await hmac(good))
    expect(explained).toMatchObject({
      check: 'aud',
      message: `This token is for another audience; get one with aud hub or ${HUB} or ${HUB}/mcp.`,
    })
  })

  test('another one is another trust: who was recognised by it is not by what counts now', async () => {
    await using keys = new Issuer(ec)
    const tokens = tokenSettings({ issuer, secrets: [HMAC_SECRET], jwks: keys.url })
    const before = authority({ tokens, publicUrl: HUB }, { clock })
    const of = (publicUrl: string | undefined, more = {}) =>
      authority({ tokens: { ...tokens, ...more }, publicUrl }, { clock, previous: before })
    const principal = await recognised(await ec.sign({ ...good, aud: HUB }), before)
    expect(of(HUB).judge(principal)).toBeUndefined()
    expect(of('https://new.example').judge(principal)).toBe('credential-revoked')
    expect(of(HUB, { audience: 'hub' }).judge(principal)).toBe('credential-revoked')
    // Nothing that the secret's tokens go by has changed.
    const own = await recognised(await hmac(good), before)
    expect(of('https://new.example').judge(own)).toBeUndefined()
    expect(of(HUB, { audience: 'hub' }).judge(own)).toBe('credential-revoked')
  })
})

describe('grants that are malformed are refused, not read in some way:', () => {
  const table: [string, unknown, string][] = [
    ['null', null, 'credential-invalid grants'],
    ['a list', ['**'], 'credential-invalid grants'],
    ['a text for a list', { subscribe: '**' }, 'credential-invalid grants'],
    ['a number in a list', { subscribe: [1] }, 'credential-invalid grants'],
    ['a malformed pattern', { subscribe: ['a*'] }, 'credential-invalid grants'],
    ['a malformed type', { subscribe: ['a'], types: ['a b'] }, 'credential-invalid grants'],
    ['a misspelt restriction', { subscribe: ['a'], type: ['order'] }, 'credential-invalid grants'],
    ['admin as a text', { admin: 'false' }, 'credential-invalid grants'],
    ['65 patterns', { subscribe: Array.from({ length: 65 }, (_, n) => `t${n}`) }, 'credential-invalid grants'],
    ['64 patterns pass', { subscribe: Array.from({ length: 64 }, (_, n) => `t${n}`) }, 'recognised'],
    ['an empty object passes and grants nothing', {}, 'recognised'],
    ['__proto__', JSON.parse('{"__proto__": {"admin": true}}'), 'credential-invalid grants'],
  ]
  test.each(table)('%s', async (_, events, outcome) => {
    const token = forged({ alg: 'HS256' }, { exp: now + 60, events })
      .split('.')
      .slice(0, 2)
      .join('.')
    const key = await crypto.subtle.importKey(
      'raw',
      new TextEncoder().encode(HMAC_SECRET),
      { name: 'HMAC', hash: 'SHA-256' },
      false,
      ['sign'],
    )
    const signature = await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(token))
    const signed = `${token}.${base64url.encode(new Uint8Array(signature))}`
    expect(await refusalOf(() => recognised(signed))).toBe(outcome)
  })

  test('and the refusal does not quote them', async () => {
    const token = await hmac({ ...claims, events: { subscribe: ['private-name*'] } })
    const explained = await explain(authority({ tokens: tokenSettings() }, { clock }), token)
    expect(JSON.stringify(explained)).not.toContain('private-name')
  })
})

describe('algorithm confusion:', () => {
  test('a public key in any of its encodings is no HMAC secret', async () => {
    await using issuer = new Issuer(rsa, ec)
    const who = authority({ tokens: tokenSettings({ jwks: issuer.url, secrets: [HMAC_SECRET] }) }, { clock })
    for (const key of [rsa, ec]) {
      const der = Buffer.from(key.publicPem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
      const encodings: (string | Uint8Array)[] = [
        key.publicPem,
        key.publicPem.trim(),
        key.publicPem.replaceAll('\n', '\r\n'),
        der,
        der.toString('base64'),
        der.toString('hex'),
        JSON.stringify(key.publicJwk),
        JSON.stringify({ keys: [key.publicJwk] }),
        String(key.publicJwk.n ?? key.publicJwk.x),
        Buffer.from(String(key.publicJwk.n ?? key.publicJwk.x), 'base64url'),
      ]
      for (const encoding of encodings) {
        const secret = typeof encoding === 'string' ? new TextEncoder().encode(encoding) : encoding
        const header = { alg: 'HS256', kid: key.kid }
        const token = await new SignJWT(claims).setProtectedHeader(header).sign(secret)
        expect(await refusalOf(() => recognised(token, who))).toBe('credential-invalid signature')
      }
    }
    expect((await recognised(await rsa.sign(claims), who)).id).toBe('sub:alice')
  })

  test('only a key set: HS256 has no key, whatever signed it', async () => {
    await using issuer = new Issuer(rsa)
    const who = authority({ tokens: tokenSettings({ jwks: issuer.url }) }, { clock })
    const token = await hmac(claims, { kid: 'rsa' }, rsa.publicPem)
    expect(await refusalOf(() => recognised(token, who))).toBe('credential-invalid alg')
    expect(issuer.requests).toBe(0)
  })

  test('only a secret: no public key is looked for', async () => {
    expect(await refusalOf(async () => recognised(await rsa.sign(claims)))).toBe('credential-invalid alg')
  })

  test('a key of the set counts for its own algorithm only', async () => {
    await using issuer = new Issuer(rsa)
    const who = authority({ tokens: tokenSettings({ jwks: issuer.url }) }, { clock })
    const [, payload, signature] = (await rsa.sign(claims)).split('.')
    for (const alg of ['RS384', 'PS256', 'ES256', 'EdDSA']) {
      const token = `${base64url.encode(JSON.stringify({ alg, kid: 'rsa' }))}.${payload}.${signature}`
      expect(await refusalOf(() => recognised(token, who))).toBe('credential-invalid kid')
    }
  })

  test.each(['none', 'None', 'NONE', 'nOnE', 'hs256', 'HS384', 'HS512', 'RS1', 'dir', '', 'toString', '__proto__'])(
    'the algorithm %p is refused',
    async (alg) => {
      await using issuer = new Issuer(rsa)
      const both = authority({ tokens: tokenSettings({ jwks: issuer.url, secrets: [HMAC_SECRET] }) }, { clock })
      for (const signature of ['', 'AAAA']) {
        const token = forged({ alg }, claims, signature)
        expect(await refusalOf(() => recognised(token, both))).toBe('credential-invalid alg')
      }
      expect(issuer.requests).toBe(0)
    },
  )

  test('RS256, PS256, ES256 and EdDSA are accepted from a key set', async () => {
    const ps = await signingKey('ps', 'PS256')
    await using issuer = new Issuer(rsa, ec, ed, ps)
    const who = authority({ tokens: tokenSettings({ jwks: issuer.url }) }, { clock })
    for (const key of issuer.keys) {
      const principal = await recognised(await key.sign(claims), who)
      expect(principal).toMatchObject({ id: 'sub:alice', credential: expect.stringMatching(/^jwk:[0-9a-f]{16}$/) })
    }
  })
})

describe('header games:', () => {
  test.each([
    ['a path', '../../../../dev/null'],
    ['an URL', 'http://127.0.0.1/keys'],
    ['SQL', "x' UNION SELECT 'key' --"],
    ['a name of the language', '__proto__'],
    ['another', 'constructor'],
    ['nothing', ''],
    ['a very long text', 'k'.repeat(4_000)],
  ])('a kid that is %s finds no key', async (_, kid) => {
    await using issuer = new Issuer(ec)
    const who = authority({ tokens: tokenSettings({ jwks: issuer.url }) }, { clock })
    expect(await refusalOf(async () => recognised(await ec.sign(claims, { kid }), who))).toBe('credential-invalid kid')
  })

  test('a kid that is no text is refused', async () => {
    for (const kid of [1, null, {}, ['ec']]) {
      expect(await refusalOf(() => recognised(forged({ alg: 'ES256', kid })))).toBe('credential-invalid syntax')
    }
  })

  test('nothing that a token names is fetched or believed: jku, x5u, jwk, x5c', async () => {
    await using issuer = new Issuer(ec)
    const attacker = await signingKey('ec')
    await using trap = new Issuer(attacker)
    const who = authority({ tokens: tokenSettings({ jwks: issuer.url }) }, { clock })
    const headers = [
      { jku: trap.url },
      { x5u: trap.url },
      { jwk: attacker.publicJwk },
      { x5c: [attacker.publicPem] },
      { jku: trap.url, jwk: attacker.publicJwk, kid: trap.url },
    ]
    for (const header of headers) {
      expect(await refusalOf(async () => recognised(await attacker.sign(claims, header), who))).toMatch(
        /^credential-invalid (signature|kid)$/,
      )
    }
    expect((await recognised(await ec.sign({ ...claims, iss: trap.url }, { jku: trap.url }), who)).id).toBe('sub:alice')
    expect(trap.requests).toBe(0)
  })

  test.each([
    ['an unknown extension', { crit: ['exp'], exp: 1 }],
    ['b64', { crit: ['b64'], b64: false }],
    ['an empty list', { crit: [] }],
  ])('crit with %s is refused', async (_, header) => {
    expect(await refusalOf(() => recognised(forged({ alg: 'HS256', ...header })))).toBe('credential-invalid crit')
  })

  test.each(['logout+jwt', 'secevent+jwt', 'dpop+jwt', 'id_token'])('a %s is no access token', async (typ) => {
    expect(await refusalOf(async () => recognised(await hmac(claims, { typ })))).toBe('credential-invalid typ')
  })
})

describe('what is no token:', () => {
  test('a token of more than 8 KiB is refused before it is looked at', async () => {
    const token = await hmac({ ...claims, padding: 'x'.repeat(MAX_CREDENTIAL_LENGTH) })
    expect(await refusalOf(() => recognised(token))).toBe('credential-invalid length')
  })

  test('tokens are refused when none are configured', async () => {
    const who = authority({ key: 'sixteen characters' }, { clock })
    expect(await refusalOf(async () => recognised(await hmac(claims), who))).toBe('credential-invalid configured')
  })

  test('a token that is cut, changed in any bit or written otherwise is never recognised', async () => {
    await using issuer = new Issuer(ec)
    const who = authority({ tokens: tokenSettings({ jwks: issuer.url, secrets: [HMAC_SECRET] }) }, { clock })
    const tokens = [await hmac(claims), await ec.sign(claims)]
    const change = fc.record({
      token: fc.constantFrom(...tokens),
      at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      how: fc.constantFrom('flip', 'cut', 'drop', 'double', 'insert'),
      bit: fc.integer({ min: 0, max: 6 }),
      text: fc.string({ minLength: 1, maxLength: 8 }),
    })
    await fc.assert(
      fc.asyncProperty(change, async ({ token, at, how, bit, text }) => {
        const index = Math.floor(at * token.length)
        const changed = {
          flip: () =>
            token.slice(0, index) + String.fromCharCode(token.charCodeAt(index) ^ (1 << bit)) + token.slice(index + 1),
          cut: () => token.slice(0, index),
          drop: () => token.slice(0, index) + token.slice(index + 1),
          double: () => token.slice(0, index) + token.slice(index, index + 1) + token.slice(index),
          insert: () => token.slice(0, index) + text + token.slice(index),
        }[how]()
        fc.pre(changed !== token)
        try {
          await recognised(changed, who)
          return false
        } catch (error) {
          return error instanceof HubError && error.code.startsWith('credential-')
        }
      }),
      { numRuns: 10_000 },
    )
  })

  test('whatever the three parts hold, it is a refusal and no failure', async () => {
    const who = authority({ tokens: tokenSettings() }, { clock })
    const part = fc.oneof(
      fc.string(),
      fc.json().map((text) => base64url.encode(text)),
      fc.constantFrom('', base64url.encode('{"alg":"HS256"}'), base64url.encode('{"alg":"HS256","typ":[]}')),
    )
    await fc.assert(
      fc.asyncProperty(part, part, part, async (header, payload, signature) =>
        /^credential-invalid /.test(await refusalOf(() => recognised(`${header}.${payload}.${signature}`, who))),
      ),
      { numRuns: 3_000 },
    )
  })
})

describe('token check explains', () => {
  const who = authority({ key: 'sixteen characters', tokens: tokenSettings({ audience: 'hub' }) }, { clock })

  test('a good token by its principal and claims', async () => {
    const explained = await explain(who, await hmac({ ...claims, aud: 'hub' }))
    expect(explained).toMatchObject({ ok: true, kind: 'token', principal: { id: 'sub:alice' }, claims: { aud: 'hub' } })
  })

  test('a bad one by the check that failed and what to do', async () => {
    expect(await explain(who, await hmac(claims))).toEqual({
      ok: false,
      code: 'credential-invalid',
      check: 'aud',
      message: 'This token is for another audience; get one with aud hub.',
    })
  })

  test('a key and a ticket as what they are', async () => {
    expect(await explain(who, 'sixteen characters')).toMatchObject({ ok: true, kind: 'key' })
    const key = await who.recognise({ kind: 'bearer', text: 'sixteen characters' })
    const { ticket } = await who.issueTicket(key, {})
    expect(await explain(who, ticket)).toMatchObject({ ok: true, kind: 'ticket', principal: { id: 'key:auth.key' } })
  })
})
