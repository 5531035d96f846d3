import { describe, expect, test } from 'bun:test'
import { checkSubject } from '../../src/auth/token-principal.ts'
import { authority, tokenSettings } from '../support/authority.ts'
import { Issuer, signingKey } from '../support/issuer.ts'
import { ManualClock } from '../support/manual-clock.ts'

/** The order of the group of P-256 (SEC 2, 2.4.2). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** The other signature that is good for the same text. */
function mirrored(token: string): string {
  const cut = token.lastIndexOf('.')
  const signature = Buffer.from(token.slice(cut + 1), 'base64url')
  const s = BigInt(`0x${signature.subarray(32).toString('hex')}`)
  const other = Buffer.from((ORDER - s).toString(16).padStart(64, '0'), 'hex')
  return `${token.slice(0, cut)}.${Buffer.concat([signature.subarray(0, 32), other]).toString('base64url')}`
}

test('a token without a subject is one principal, also with its signature written the other way', async () => {
  const key = await signingKey('k1')
  await using issuer = new Issuer(key)
  const clock = new ManualClock()
  const settings = { tokens: tokenSettings({ jwks: issuer.url, issuer: 'https://login.example', audience: 'hub' }) }
  const known = authority(settings, { clock })
  const token = await key.sign({ iss: 'https://login.example', aud: 'hub', exp: clock.now() / 1000 + 600, events: {} })
  const twin = mirrored(token)
  expect(twin).not.toBe(token)
  const [one, other] = [token, twin].map((text) => known.recognise({ kind: 'bearer', text }))
  expect((await one)!.id).toStartWith('token:')
  expect((await other)!.id).toBe((await one)!.id)
})

describe('a subject that would be read as something else in a line of the log is refused', () => {
  test.each([
    ['a line break', 'a\nb'],
    ['the other direction of writing', '\u202eecila'],
    ['a space without width', 'ali\u200bce'],
  ])('%s', (_, sub) => expect(checkSubject(sub)).toBeDefined())

  test('letters of any script are none', () => expect(checkSubject('Ålice|أليس')).toBeUndefined())
})
