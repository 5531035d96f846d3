import { expect, test } from 'bun:test'
import { PageTokens } from '../../src/auth/page-tokens.ts'

const tokens = new PageTokens(new Uint8Array(32).fill(1))

test('a token gives back its place after a restart, and shows it to nobody', () => {
  const token = tokens.seal('salaries/ceo')
  expect(new PageTokens(new Uint8Array(32).fill(1)).open(token)).toBe('salaries/ceo')
  expect(Buffer.from(token, 'base64url').toString('latin1')).not.toContain('salaries')
  expect(tokens.seal('salaries/ceo')).not.toBe(token)
})

test('what somebody made or changed is no token', () => {
  const token = tokens.seal('a')
  const flipped = token.slice(0, -4) + (token.at(-4) === 'A' ? 'B' : 'A') + token.slice(-3)
  for (const made of ['', 'YQ', flipped, `${token}=`, token.slice(1), Buffer.from('a').toString('base64url')]) {
    expect(tokens.open(made)).toBeUndefined()
  }
  expect(new PageTokens(new Uint8Array(32).fill(2)).open(token)).toBeUndefined()
})
