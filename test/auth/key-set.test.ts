import { describe, expect, test } from 'bun:test'
import { KeySet } from '../../src/auth/key-set.ts'
import { authority, refusalOf, tokenSettings } from '../support/authority.ts'
import { Issuer, signingKey } from '../support/issuer.ts'
import { ManualClock } from '../support/manual-clock.ts'

const [key, other] = await Promise.all([signingKey('one'), signingKey('two')])
const document = (...keys: object[]) => JSON.stringify({ keys })

describe('the keys of an issuer', () => {
  test('are those for signatures: one for encryption vouches for nothing', () => {
    const forEncryption = { ...key.publicJwk, use: 'enc' }
    expect(() => new KeySet(document(forEncryption))).toThrow('no public key for signatures')
    expect(new KeySet(document(forEncryption, other.publicJwk)).thumbprints).toEqual(
      new KeySet(document(other.publicJwk)).thumbprints,
    )
    const { use: _, ...unsaid } = key.publicJwk
    expect(new KeySet(document(unsaid)).thumbprints).toHaveLength(1)
  })

  test('are tried eight at a time for a token that names none: no more signatures a request', async () => {
    const clock = new ManualClock()
    const token = await key.sign({ sub: 'alice', exp: clock.now() / 1000 + 60 }, { kid: undefined })
    const withPlace = async (place: number) => {
      await using issuer = new Issuer()
      const strangers = await Promise.all(Array.from({ length: place }, (_, index) => signingKey(`stranger ${index}`)))
      issuer.answer = () => Response.json({ keys: [...strangers, key].map(({ publicJwk }) => publicJwk) })
      const who = authority({ tokens: tokenSettings({ jwks: issuer.url }) }, { clock })
      return await refusalOf(() => who.recognise({ kind: 'bearer', text: token }))
    }
    expect(await withPlace(7)).toBe('recognised')
    expect(await withPlace(8)).toBe('credential-invalid signature')
  })
})
