import { expect, test } from 'bun:test'
import { parseExact } from '../../../src/cli/client/exact-json.ts'

test.each(['12345678901234567890', '1.50', '-0', '1e400', '[0.1000000000000000055, {"n":9007199254740993}]'])(
  '%s stringifies to itself',
  (json) => {
    expect(JSON.stringify(parseExact(json))).toBe(json.replaceAll(' ', ''))
  },
)

test('other values are what JSON.parse makes of them', () => {
  const json = '{"text":"1","yes":true,"none":null,"list":["a"]}'
  expect(parseExact(json)).toEqual(JSON.parse(json))
})
