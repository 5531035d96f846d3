import { describe, expect, test } from 'bun:test'
import { Access } from '../../src/auth/access.ts'
import type { Asked } from '../../src/auth/rule.ts'
import { signToken } from '../../src/auth/signed-token.ts'
import { bearer, keySettings, openSettings } from '../support/access.ts'
import { HMAC_SECRET, tokenSettings } from '../support/authority.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { rejection } from '../support/settled.ts'

const clock = new ManualClock()

function accessWith(settings = openSettings): Access {
  return new Access(settings, { now: () => clock.now(), report: () => {} })
}

function reading(headers: Record<string, string>): Asked {
  const request = new Request('http://localhost:3000/events', { headers: { host: 'localhost:3000', ...headers } })
  return { request, kind: 'stream', method: 'GET', preflight: false }
}

describe('readers on foreign pages that CORS_ORIGIN=* lets in to an open hub', () => {
  const foreign = reading({ origin: 'https://elsewhere.example' })
  const everyone = { ...openSettings, corsOrigins: ['*'] }

  test('stay at a reload that changes nothing', async () => {
    const access = accessWith(everyone)
    const { principal } = await access.recognise(access.pass(foreign))
    access.replace({ ...everyone })
    expect(access.judge(principal)).toBeUndefined()
  })

  test.each([
    ['of CORS_ORIGIN without the *', openSettings],
    ['that brings credentials', { ...keySettings([]), key: 'a-key-of-enough-characters', corsOrigins: ['*'] }],
  ])('go at a reload %s', async (_, settings) => {
    const access = accessWith(everyone)
    const { principal } = await access.recognise(access.pass(foreign))
    access.replace(settings)
    expect(access.judge(principal)).toBe('grants-changed')
  })
})

test('whoever is recognised again is so by the newest settings, also when they change meanwhile', async () => {
  const trusting = { ...openSettings, tokens: tokenSettings() }
  const access = accessWith(trusting)
  const token = await signToken(
    HMAC_SECRET,
    { sub: 'alice', grants: { subscribe: ['**'] } },
    { now: clock.now(), ttlMs: 60_000 },
  )
  const asked = reading(bearer(token))
  const known = await access.recognise(access.pass(asked))
  access.replace(trusting)
  const again = access.again(known, asked)
  // While its signature is looked at, the secret that made it stops counting.
  access.replace({
    ...openSettings,
    tokens: tokenSettings({ secrets: ['another-secret-of-thirty-two-bytes-or-more'] }),
  })
  expect(await rejection(again)).toMatchObject({ code: 'credential-invalid' })
})
