import { expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { openSecret, sealSecret } from '../../../src/webhooks/secret/sealed-secret.ts'

const KEY = randomBytes(32)
const SECRET = new Uint8Array(randomBytes(32))

const unopened = expect.objectContaining({ code: 'invalid-config' })

function failure(open: () => unknown): unknown {
  try {
    return open()
  } catch (error) {
    return error
  }
}

test('what was sealed opens with the same key for the same outlet', () => {
  for (const secret of [SECRET, new Uint8Array(0), new Uint8Array(64)]) {
    const sealed = sealSecret(secret, KEY, 'sub_a')
    expect(sealed).toMatch(/^v1\.[A-Za-z0-9_-]+$/)
    expect(openSecret(sealed, KEY, 'sub_a')).toEqual(secret)
  }
})

test('two seals of one secret have nothing in common, and nothing of the secret', () => {
  const [one, other] = [sealSecret(SECRET, KEY, 'sub_a'), sealSecret(SECRET, KEY, 'sub_a')]
  expect(one).not.toBe(other)
  expect(Buffer.from(one.slice(3), 'base64url').includes(Buffer.from(SECRET))).toBeFalse()
})

test('another key, and the row of another outlet, open nothing', () => {
  const sealed = sealSecret(SECRET, KEY, 'sub_a')
  expect(failure(() => openSecret(sealed, randomBytes(32), 'sub_a'))).toEqual(unopened)
  expect(failure(() => openSecret(sealed, KEY, 'sub_b'))).toEqual(unopened)
  expect(failure(() => openSecret(sealed, KEY, 'forward:a'))).toEqual(unopened)
})

test('not one bit of it can be changed', () => {
  const sealed = sealSecret(SECRET, KEY, 'sub_a')
  const bytes = Buffer.from(sealed.slice(3), 'base64url')
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    expect(failure(() => openSecret(`v1.${changed.toString('base64url')}`, KEY, 'sub_a'))).toEqual(unopened)
  }
})

test.each(['', 'v1', 'v1.', 'v2.AAAA', 'AAAA', 'v1.AAAA', 'v1.!!', `v1.${'A'.repeat(38)}`, `v1.${'A'.repeat(80)}.A`])(
  '%j was never sealed and opens as nothing',
  (text) => {
    expect(failure(() => openSecret(text, KEY, 'sub_a'))).toEqual(unopened)
  },
)

test('a key that is not 32 bytes neither seals nor opens', () => {
  expect(failure(() => sealSecret(SECRET, randomBytes(31), 'sub_a'))).toEqual(unopened)
  expect(failure(() => openSecret(sealSecret(SECRET, KEY, 'sub_a'), randomBytes(16), 'sub_a'))).toEqual(unopened)
})

test('what cannot be opened says which outlet and what to do, and nothing of the secret', () => {
  const sealed = sealSecret(SECRET, KEY, 'sub_a')
  const error = failure(() => openSecret(sealed, randomBytes(32), 'sub_a'))
  expect((error as Error).message).toMatch(/sub_a.*Bring back the key/)
  expect(Bun.inspect(error)).not.toContain(sealed.slice(3))
})
