import { expect, test } from 'bun:test'
import { Access } from '../../src/auth/access.ts'
import { KEYS_FRESH_MS, REFETCH_COOLDOWN_MS } from '../../src/auth/issuer-keys.ts'
import { LOCAL, type Principal } from '../../src/core/principal.ts'
import { keySettings, openSettings, testKey } from '../support/access.ts'
import { tokenSettings } from '../support/authority.ts'
import { Issuer, signingKey } from '../support/issuer.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { registerSecret } from '../support/secrets.ts'

function accessOf(settings: ConstructorParameters<typeof Access>[0], clock: ManualClock): Access {
  return new Access(settings, { now: () => clock.now(), report: () => {} })
}

/** Somebody with a token, as a hub recognised it. */
async function bearerOf(issuer: Issuer, clock: ManualClock): Promise<Principal> {
  const access = accessOf(settingsOf(issuer), clock)
  const [key] = issuer.keys
  const exp = Math.floor(clock.now() / 1000) + 24 * 3600
  const token = await key!.sign({ sub: 'a', exp, aud: 'hub', events: { subscribe: ['**'] } })
  registerSecret(token, 'a token')
  return access.authority.recognise({ kind: 'bearer', text: token })
}

const settingsOf = (issuer: Issuer) => ({
  ...openSettings,
  tokens: tokenSettings({ jwks: issuer.url, audience: 'hub' }),
})

test('a token is unknown until the issuer was asked, and asking a hundred times asks it once', async () => {
  const clock = new ManualClock()
  await using issuer = new Issuer(await signingKey('1'))
  const principal = await bearerOf(issuer, clock)
  const access = accessOf(settingsOf(issuer), clock)
  const before = issuer.requests
  for (let index = 0; index < 100; index++) expect(access.standing(principal)).toBe('unknown')
  expect(issuer.requests).toBe(before)
  await Promise.all(Array.from({ length: 100 }, () => access.inquire()))
  expect(issuer.requests).toBe(before + 1)
  expect(access.standing(principal)).toEqual(principal)
})

test('a token whose key the issuer withdrew is nobody’s once it was asked; while it fails that is unknown', async () => {
  const clock = new ManualClock()
  await using issuer = new Issuer(await signingKey('1'))
  const principal = await bearerOf(issuer, clock)
  const access = accessOf(settingsOf(issuer), clock)
  issuer.fail()
  await access.inquire()
  expect(access.standing(principal)).toBe('unknown')
  issuer.recover()
  issuer.rotate(await signingKey('2'))
  clock.pass(REFETCH_COOLDOWN_MS)
  await access.inquire()
  expect(access.standing(principal)).toBe('nobody')
})

test('keys that are no longer fresh are asked for again, and count on while the issuer fails', async () => {
  const clock = new ManualClock()
  await using issuer = new Issuer(await signingKey('1'))
  const principal = await bearerOf(issuer, clock)
  const access = accessOf(settingsOf(issuer), clock)
  await access.inquire()
  clock.pass(KEYS_FRESH_MS)
  expect(access.standing(principal)).toBe('unknown')
  issuer.fail()
  await access.inquire()
  expect(access.standing(principal)).toEqual(principal)
})

test('who has a key, and who is local in open mode, is known at once and without an issuer', () => {
  const clock = new ManualClock()
  const ofOpen = accessOf(openSettings, clock)
  expect(ofOpen.standing(LOCAL)).toBe(LOCAL)
  expect(accessOf({ ...openSettings, open: true }, clock).standing(LOCAL)).toBe('nobody')
  const closed = accessOf(keySettings([testKey('a', { subscribe: ['**'] })]), clock)
  expect(closed.standing(LOCAL)).toBe('nobody')
})

test('a hang of the issuer holds nobody who only wants to know how things stand', async () => {
  const clock = new ManualClock()
  await using issuer = new Issuer(await signingKey('1'))
  const principal = await bearerOf(issuer, clock)
  const access = accessOf(settingsOf(issuer), clock)
  const hanging = Promise.withResolvers<Response>()
  issuer.answer = () => hanging.promise
  const asked = access.inquire()
  expect(access.standing(principal)).toBe('unknown')
  hanging.resolve(Response.json({ keys: issuer.keys.map((key) => key.publicJwk) }))
  await asked
  expect(access.standing(principal)).toEqual(principal)
})
