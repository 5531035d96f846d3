import { describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { HubError } from '../../../src/core/errors.ts'
import { webhookSecret } from '../../../src/webhooks/secret/webhook-secret.ts'
import { registerSecret } from '../../support/secrets.ts'

const bytes = (length: number) => randomBytes(length).toString('base64')

test.each([24, 25, 26, 32, 63, 64])('a secret of %d bytes is taken, with its padding and without', (length) => {
  const key = randomBytes(length)
  const text = registerSecret(`whsec_${key.toString('base64')}`)
  expect(webhookSecret(text, '')).toEqual(new Uint8Array(key))
  expect(webhookSecret(text.replace(/=+$/, ''), '')).toEqual(new Uint8Array(key))
})

describe('35: refused, with the pointer and without the text:', () => {
  test.each([
    ['nothing', ''],
    ['only the prefix', 'whsec_'],
    ['no prefix', bytes(32)],
    ['the prefix in capitals', `WHSEC_${bytes(32)}`],
    ['another prefix', `whpk_${bytes(32)}`],
    ['23 bytes', `whsec_${bytes(23)}`],
    ['65 bytes', `whsec_${bytes(65)}`],
    ['a megabyte', `whsec_${'A'.repeat(1_000_000)}`],
    ['base64url', `whsec_${'-_'.repeat(22)}`],
    ['a space', `whsec_${'A'.repeat(20)} ${'A'.repeat(23)}`],
    ['a line break at the end', `whsec_${bytes(24)}\n`],
    ['padding in the middle', `whsec_AAAA${'='.repeat(4)}${'A'.repeat(36)}`],
    ['too much padding', `whsec_${bytes(24)}=`],
    ['half of its padding', `whsec_${bytes(25).slice(0, -1)}`],
    ['bits beyond the last byte', `whsec_${'A'.repeat(41)}B==`],
    ['a length that base64 has not', `whsec_${'A'.repeat(33)}`],
    ['a letter that is not ASCII', `whsec_${'A'.repeat(31)}Ａ`],
  ])('%s', (_, text) => {
    try {
      webhookSecret(text, '/delivery/secret')
    } catch (error) {
      if (!(error instanceof HubError)) throw error
      expect([error.code, error.pointer]).toEqual(['invalid-arguments', '/delivery/secret'])
      if (text.length > 6) expect(error.message).not.toContain(text)
      return
    }
    throw new Error('It was taken.')
  })
})
