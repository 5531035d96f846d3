import { describe, expect, test } from 'bun:test'
import { ApiKeys, hashOfKey, newApiKey } from '../../src/auth/api-keys.ts'
import { fingerprints } from '../../src/auth/fingerprint.ts'
import type { Presented } from '../../src/auth/presented.ts'
import { parseGrants } from '../../src/core/grants.ts'
import type { Principal } from '../../src/core/principal.ts'
import { authority, keyNamed, refusalOf, TICKET_SECRET, tokenSettings } from '../support/authority.ts'
import { ManualClock } from '../support/manual-clock.ts'

const bearer = (text: string): Presented => ({ kind: 'bearer', text })
const parameter = (text: string): Presented => ({ kind: 'key-parameter', text })

test('a new key is 32 random bytes behind its prefix, and the configuration has only its hash', () => {
  const { key, sha256 } = newApiKey()
  expect(key).toMatch(/^mcpsse_[A-Za-z0-9_-]{43}$/)
  expect(sha256).toMatch(/^[0-9a-f]{64}$/)
  expect(sha256).toBe(hashOfKey(key))
  expect(newApiKey().key).not.toBe(key)
})

describe('an API key', () => {
  const { key } = newApiKey()
  const settings = { keys: [keyNamed('ci', key, { publish: ['ci/**'], subscribe: ['ci/*'] })] }

  test('is recognised at once, and is the same principal each time, so that a hot path waits for nothing', () => {
    const who = authority(settings)
    const principal = who.recognise(bearer(key)) as Principal
    expect(principal).toMatchObject({ id: 'key:ci', expires: undefined, limited: true })
    expect(who.recognise(bearer(key))).toBe(principal)
  })

  test('names nothing that leads back to it', () => {
    const principal = authority(settings).recognise(bearer(key)) as Principal
    expect(principal.credential).toMatch(/^key:[0-9a-f]{16}$/)
    expect(JSON.stringify(principal)).not.toContain(hashOfKey(key).slice(0, 16))
  })

  test.each([
    ['one letter short', key.slice(0, -1)],
    ['one letter long', `${key}A`],
    ['in other case', key.toUpperCase()],
    ['as its own hash', hashOfKey(key)],
    ['with an empty rest', 'mcpsse_'],
    ['as a name of the language', '__proto__'],
  ])('is not recognised %s', async (_, text) => {
    expect(await refusalOf(() => authority(settings).recognise(bearer(text)))).toBe('credential-invalid key')
  })

  test('that has expired is refused from that millisecond on', async () => {
    const clock = new ManualClock()
    const who = authority({ keys: [keyNamed('ci', key, {}, clock.now() + 1000)] }, { clock })
    clock.pass(999)
    expect(await refusalOf(() => who.recognise(bearer(key)))).toBe('recognised')
    clock.pass(1)
    expect(await refusalOf(() => who.recognise(bearer(key)))).toBe('credential-expired exp')
  })

  test('of the operator’s own choice may look like a token', () => {
    const who = authority({ key: 'three.parts.but-a-key', tokens: tokenSettings() })
    expect(who.recognise(bearer('three.parts.but-a-key'))).toMatchObject({
      id: 'key:auth.key',
      grants: { admin: true },
    })
  })

  test('is refused as a cookie, which is for tokens', async () => {
    const who = authority({ ...settings, tokens: tokenSettings() })
    expect(await refusalOf(() => who.recognise({ kind: 'cookie', text: key }))).toBe('credential-invalid syntax')
  })

  test('that is there twice stops the start', () => {
    const twice = [keyNamed('a', key, {}), keyNamed('b', key, {})]
    expect(() => new ApiKeys(undefined, twice, fingerprints(TICKET_SECRET))).toThrow('twice')
  })
})

describe('a key in an URL, which logs will have,', () => {
  test.each([
    ['may be one that can only publish', { publish: ['**'] }, 'recognised'],
    ['may not be one that can read', { publish: ['**'], subscribe: ['a'] }, 'forbidden key-parameter-grants'],
    ['may not be one that can read metrics', { publish: ['**'], metrics: true }, 'forbidden key-parameter-grants'],
    ['may not be one that can administrate', { publish: ['**'], admin: true }, 'forbidden key-parameter-grants'],
  ])('%s', async (_, grants, outcome) => {
    const { key } = newApiKey()
    const who = authority({ keys: [keyNamed('hook', key, grants)] })
    expect(await refusalOf(() => who.recognise(parameter(key)))).toBe(outcome)
  })

  test('may not be the one key with all grants', async () => {
    const who = authority({ key: 'sixteen characters' })
    expect(await refusalOf(() => who.recognise(parameter('sixteen characters')))).toBe('forbidden key-parameter-grants')
  })

  test('may not be a token', async () => {
    const who = authority({ tokens: tokenSettings() })
    expect(await refusalOf(() => who.recognise(parameter('a.b.c')))).toBe('credential-invalid key')
  })
})

describe('who shows nothing', () => {
  test('is nobody here without credentials: only the rule, which saw the origin, says who is local', async () => {
    expect(await refusalOf(() => authority().recognise({ kind: 'none' }))).toBe('credential-missing shown')
    for (const shown of [bearer('x'), parameter('x')])
      expect(await refusalOf(() => authority().recognise(shown))).toBe('credential-invalid key')
  })

  test('is refused once there are credentials', async () => {
    const who = authority({ key: 'sixteen characters' })
    expect(await refusalOf(() => who.recognise({ kind: 'none' }))).toBe('credential-missing shown')
  })

  test('is anonymous when something is granted to all, and never an administrator', () => {
    const who = authority({
      key: 'sixteen characters',
      anonymous: parseGrants({ subscribe: ['public/**'], admin: true }),
    })
    expect(who.recognise({ kind: 'none' })).toMatchObject({
      id: 'anonymous',
      limited: false,
      grants: { admin: false, publish: [] },
    })
  })
})
