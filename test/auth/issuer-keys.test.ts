import { beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Authority } from '../../src/auth/authority.ts'
import {
  FIRST_FETCH_COOLDOWN_MS,
  IssuerKeys,
  KEYS_FRESH_MS,
  KEYS_KEPT_MS,
  REFETCH_COOLDOWN_MS,
} from '../../src/auth/issuer-keys.ts'
import { MAX_KEY_SET_BYTES } from '../../src/auth/key-set.ts'
import { authority, refusalOf, tokenSettings } from '../support/authority.ts'
import { type Answer, Issuer, type SigningKey, signingKey } from '../support/issuer.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { rejection } from '../support/settled.ts'
import { tempDir } from '../support/temp-dir.ts'

let first: SigningKey
let second: SigningKey
beforeAll(async () => {
  ;[first, second] = await Promise.all([signingKey('first'), signingKey('second')])
})

function claims(clock: ManualClock) {
  return { sub: 'alice', exp: Math.floor(clock.now() / 1000) + 7 * 86_400 }
}

function trusting(jwks: string, clock: ManualClock, reports: unknown[] = [], previous?: Authority): Authority {
  return authority({ tokens: tokenSettings({ jwks }) }, { clock, reports, ...(previous ? { previous } : {}) })
}

async function outcome(who: Authority, key: SigningKey, clock: ManualClock, header = {}): Promise<string> {
  const text = await key.sign(claims(clock), header)
  return refusalOf(() => who.recognise({ kind: 'bearer', text }))
}

describe('keys at an URL', () => {
  test('are not fetched before a token needs them, then once for all that wait', async () => {
    const clock = new ManualClock()
    await using issuer = new Issuer(first)
    const who = trusting(issuer.url, clock)
    expect(issuer.requests).toBe(0)
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => outcome(who, first, clock)))
    expect(new Set(outcomes)).toEqual(new Set(['recognised']))
    expect(issuer.requests).toBe(1)
  })

  test('that are new are found after one more fetch', async () => {
    const clock = new ManualClock()
    await using issuer = new Issuer(first)
    const who = trusting(issuer.url, clock)
    await outcome(who, first, clock)
    issuer.rotate(first, second)
    clock.pass(REFETCH_COOLDOWN_MS)
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcome(who, second, clock)))
    expect(new Set(outcomes)).toEqual(new Set(['recognised']))
    expect(issuer.requests).toBe(2)
  })

  test('are not fetched again and again for made-up key ids', async () => {
    const clock = new ManualClock()
    await using issuer = new Issuer(first)
    const who = trusting(issuer.url, clock)
    await outcome(who, first, clock)
    for (let attempt = 0; attempt < 100; attempt++) {
      clock.pass(REFETCH_COOLDOWN_MS / 100)
      expect(await outcome(who, second, clock, { kid: `made-up-${attempt}` })).toBe('credential-invalid kid')
    }
    expect(issuer.requests).toBe(2)
    expect(await outcome(who, first, clock)).toBe('recognised')
  })

  test('that were withdrawn count no longer than they are fresh', async () => {
    const clock = new ManualClock()
    await using issuer = new Issuer(first, second)
    const who = trusting(issuer.url, clock)
    expect(await outcome(who, first, clock)).toBe('recognised')
    issuer.rotate(second)
    clock.pass(KEYS_FRESH_MS - 1)
    expect(await outcome(who, first, clock)).toBe('recognised')
    clock.pass(1)
    expect(await outcome(who, first, clock)).toBe('credential-invalid kid')
    expect(await outcome(who, second, clock)).toBe('recognised')
  })

  test('go on through an outage for a day, which is reported, seldom', async () => {
    const clock = new ManualClock()
    const reports: unknown[] = []
    await using issuer = new Issuer(first)
    const who = trusting(issuer.url, clock, reports)
    const fetched = clock.now()
    await outcome(who, first, clock)
    issuer.fail()
    for (let minute = 10; minute < 60; minute++) {
      clock.set(fetched + minute * 60_000)
      expect(await outcome(who, first, clock)).toBe('recognised')
    }
    expect(reports.length).toBe(5)
    expect(reports[0]).toMatchObject({ code: 'issuer-unavailable', message: expect.stringContaining('answered 500') })
    clock.set(fetched + KEYS_KEPT_MS)
    expect(await outcome(who, first, clock)).toBe('issuer-unavailable issuer')
    issuer.recover()
    clock.pass(FIRST_FETCH_COOLDOWN_MS)
    expect(await outcome(who, first, clock)).toBe('recognised')
  })

  test('that may exist by now are no reason to refuse a token for good during an outage', async () => {
    const clock = new ManualClock()
    await using issuer = new Issuer(first)
    const who = trusting(issuer.url, clock)
    await outcome(who, first, clock)
    issuer.fail()
    issuer.rotate(first, second)
    clock.pass(REFETCH_COOLDOWN_MS)
    expect(await outcome(who, second, clock)).toBe('issuer-unavailable issuer')
    clock.pass(1_000)
    expect(await outcome(who, second, clock)).toBe('issuer-unavailable issuer')
    expect(await outcome(who, first, clock)).toBe('recognised')
    expect(issuer.requests).toBe(2)
    issuer.recover()
    clock.pass(REFETCH_COOLDOWN_MS)
    expect(await outcome(who, second, clock)).toBe('recognised')
  })

  test('that never came are asked for again soon, but not by every token', async () => {
    const clock = new ManualClock()
    await using issuer = new Issuer(first)
    issuer.fail()
    const who = trusting(issuer.url, clock)
    for (let attempt = 0; attempt < 20; attempt++) {
      expect(await outcome(who, first, clock)).toBe('issuer-unavailable issuer')
    }
    expect(issuer.requests).toBe(1)
    issuer.recover()
    clock.pass(FIRST_FETCH_COOLDOWN_MS)
    expect(await outcome(who, first, clock)).toBe('recognised')
  })

  test('say when to come back', async () => {
    const clock = new ManualClock()
    await using issuer = new Issuer(first)
    issuer.fail()
    const text = await first.sign(claims(clock))
    const asked = trusting(issuer.url, clock).recognise({ kind: 'bearer', text })
    expect(await rejection(asked)).toMatchObject({ code: 'issuer-unavailable', retryAfterMs: FIRST_FETCH_COOLDOWN_MS })
  })

  test('stay over a reload of the same URL and go with another one', async () => {
    const clock = new ManualClock()
    await using issuer = new Issuer(first)
    await using other = new Issuer(second)
    const before = trusting(issuer.url, clock)
    await outcome(before, first, clock)
    const after = trusting(issuer.url, clock, [], before)
    expect(await outcome(after, first, clock)).toBe('recognised')
    expect(issuer.requests).toBe(1)
    const moved = trusting(other.url, clock, [], after)
    expect(await outcome(moved, first, clock)).toBe('credential-invalid kid')
    expect(other.requests).toBe(1)
  })

  test('a clock that was set back by a year asks again, and does not wait for a year', async () => {
    const clock = new ManualClock()
    await using issuer = new Issuer(first)
    const who = trusting(issuer.url, clock)
    const text = await first.sign({ sub: 'alice', exp: Math.floor(clock.now() / 1000) + 86_400 })
    await who.recognise({ kind: 'bearer', text })
    clock.pass(-365 * 86_400_000)
    issuer.rotate(second)
    expect(await refusalOf(() => who.recognise({ kind: 'bearer', text }))).toBe('credential-invalid kid')
  })
})

describe('an issuer that answers with', () => {
  const secretKey = { kty: 'oct', k: 'c2VjcmV0', kid: 'first' }
  const answers: [string, Answer][] = [
    ['a page', () => new Response('<html>')],
    ['a list', () => Response.json([])],
    ['no keys', () => Response.json({ keys: [] })],
    ['keys that are no objects', () => Response.json({ keys: [1] })],
    ['a secret key', (keys) => Response.json({ keys: [...keys.map((key) => key.publicJwk), secretKey] })],
    ['a private key', (keys) => Response.json({ keys: keys.map((key) => ({ ...key.publicJwk, d: 'AAAA' })) })],
    ['more than 100 keys', (keys) => Response.json({ keys: Array(101).fill(keys[0]!.publicJwk) })],
    [
      'too much',
      (keys) => Response.json({ keys: keys.map((key) => key.publicJwk), padding: 'x'.repeat(MAX_KEY_SET_BYTES) }),
    ],
    [
      'a compressed answer, small on the way',
      (keys) =>
        new Response(Bun.gzipSync(JSON.stringify({ keys: keys.map((key) => key.publicJwk) })), {
          headers: { 'content-encoding': 'gzip' },
        }),
    ],
  ]
  test.each(answers)('%s gives no keys, and a report without the URL', async (_, answer) => {
    const clock = new ManualClock()
    const reports: unknown[] = []
    await using issuer = new Issuer(first)
    issuer.answer = answer
    expect(await outcome(trusting(issuer.url, clock, reports), first, clock)).toBe('issuer-unavailable issuer')
    expect(reports).toHaveLength(1)
    expect(Bun.inspect(reports[0])).not.toContain('127.0.0.1')
  })

  test('a redirect is not followed, even to keys that are good', async () => {
    const clock = new ManualClock()
    await using issuer = new Issuer(first)
    await using elsewhere = new Issuer(first)
    issuer.answer = () => Response.redirect(elsewhere.url, 302)
    expect(await outcome(trusting(issuer.url, clock), first, clock)).toBe('issuer-unavailable issuer')
    expect(elsewhere.requests).toBe(0)
  })

  test('a document without an end is given up at its bound', async () => {
    const clock = new ManualClock()
    const reports: unknown[] = []
    await using issuer = new Issuer(first)
    issuer.answer = () => new Response(new ReadableStream({ pull: (body) => body.enqueue(new Uint8Array(64 * 1024)) }))
    expect(await outcome(trusting(issuer.url, clock, reports), first, clock)).toBe('issuer-unavailable issuer')
    expect(String(reports[0])).toContain(`larger than ${MAX_KEY_SET_BYTES} bytes`)
  })

  test('a key that is none is passed over, and the others count', async () => {
    const clock = new ManualClock()
    await using issuer = new Issuer(first)
    const broken = { kty: 'EC', crv: 'P-256', kid: 'first', x: 'AAAA', y: 'AAAA' }
    issuer.answer = (keys) => Response.json({ keys: [broken, ...keys.map((key) => key.publicJwk)] })
    expect(await outcome(trusting(issuer.url, clock), first, clock)).toBe('recognised')
    issuer.answer = () => Response.json({ keys: [broken] })
    expect(await outcome(trusting(issuer.url, clock), first, clock)).toBe('credential-invalid kid')
  })

  test('an RSA key of 1024 bits verifies nothing', async () => {
    const clock = new ManualClock()
    await using issuer = new Issuer(first)
    const algorithm = {
      name: 'RSASSA-PKCS1-v1_5',
      hash: 'SHA-256',
      modulusLength: 1024,
      publicExponent: new Uint8Array([1, 0, 1]),
    }
    const pair = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as CryptoKeyPair
    const jwk = { ...(await crypto.subtle.exportKey('jwk', pair.publicKey)), kid: 'weak' }
    issuer.answer = () => Response.json({ keys: [jwk] })
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const signed = `${part({ alg: 'RS256', kid: 'weak' })}.${part(claims(clock))}`
    const signature = await crypto.subtle.sign(algorithm.name, pair.privateKey, new TextEncoder().encode(signed))
    const text = `${signed}.${Buffer.from(signature).toString('base64url')}`
    const who = trusting(issuer.url, clock)
    expect(await refusalOf(() => who.recognise({ kind: 'bearer', text }))).toBe('credential-invalid signature')
  })

  test('one of several keys without a kid is found by trying', async () => {
    const clock = new ManualClock()
    await using issuer = new Issuer(first, second)
    issuer.answer = (keys) => Response.json({ keys: keys.map(({ publicJwk: { kid: _, ...jwk } }) => jwk) })
    expect(await outcome(trusting(issuer.url, clock), second, clock, { kid: undefined })).toBe('recognised')
  })

  test('nothing at all is given up after the timeout', async () => {
    const clock = new ManualClock()
    await using issuer = new Issuer(first)
    const stalls: Answer[] = [
      () => new Promise<Response>(() => {}),
      () => new Response(new ReadableStream({ start: (body) => body.enqueue(new TextEncoder().encode('{"keys": [')) })),
    ]
    for (const answer of stalls) {
      issuer.answer = answer
      const reports: unknown[] = []
      const keys = new IssuerKeys(issuer.url, {
        now: () => clock.now(),
        report: (error) => reports.push(error),
        timeoutMs: 100,
      })
      expect(await refusalOf(() => keys.find(() => undefined))).toBe('issuer-unavailable issuer')
      expect(String(reports[0])).toContain('took too long')
    }
  })

  test('nothing, since nobody listens, is reported without the URL', async () => {
    const clock = new ManualClock()
    const reports: unknown[] = []
    const issuer = new Issuer(first)
    const { url } = issuer
    await issuer[Symbol.asyncDispose]()
    expect(await outcome(trusting(url, clock, reports), first, clock)).toBe('issuer-unavailable issuer')
    expect(Bun.inspect(reports)).not.toContain(new URL(url).host)
  })
})

describe('keys in a file', () => {
  test('are read once and verify', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'jwks.json')
    writeFileSync(path, JSON.stringify({ keys: [first.publicJwk] }))
    const clock = new ManualClock()
    const who = trusting(path, clock)
    expect(await outcome(who, first, clock)).toBe('recognised')
    expect(await outcome(who, second, clock)).toBe('credential-invalid kid')
  })

  test('are read again by a reload', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'jwks.json')
    writeFileSync(path, JSON.stringify({ keys: [first.publicJwk] }))
    const clock = new ManualClock()
    const before = trusting(path, clock)
    writeFileSync(path, JSON.stringify({ keys: [second.publicJwk] }))
    expect(await outcome(trusting(path, clock, [], before), second, clock)).toBe('recognised')
  })

  test.each([
    ['is not there', undefined],
    ['is no JSON', 'keys'],
    ['has no keys', '{"keys": []}'],
    ['has a private key', '{"keys": [{"kty": "EC", "d": "private-part"}]}'],
  ])('stop the start when the file %s, and nothing of it is shown', (_, text) => {
    using dir = tempDir()
    const path = join(dir.path, 'jwks.json')
    if (text !== undefined) writeFileSync(path, text)
    try {
      trusting(path, new ManualClock())
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: 'invalid-config' })
      expect(Bun.inspect(error)).not.toContain('private-part')
    }
  })
})

test.each([
  'http://issuer.example/keys',
  'http://localhost.example/keys',
  'http://127.0.0.1.example/keys',
  'https://user:password@issuer.example/keys',
  'ftp://issuer.example/keys',
  'file:///etc/keys',
  'https://',
])('keys at %s stop the start', (source) => {
  expect(() => trusting(source, new ManualClock())).toThrow('auth.jwt.jwks is')
})

test.each([
  'http://localhost:1/keys',
  'http://login.localhost:1/keys',
  'http://127.0.0.2:1/keys',
  'http://[::1]:1/keys',
])('keys at %s, on this machine, are believed without TLS', (source) => {
  expect(trusting(source, new ManualClock()).open).toBe(false)
})
