import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { jsonPrefix } from '../../../src/mcp/catalogue/json-prefix.ts'

const weight = (text: string): number => Buffer.byteLength(JSON.stringify(text)) - 2
/** Also half surrogate pairs, quotes and controls. */
const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\ud83d', '\udc4b', '👋', 'é', '€', '"', '\\', '\n', '\u0001', '\u2028'),
    ),
  )
  .map((parts) => parts.join(''))

test('the beginning of a text is the longest that weighs no more than it may, of whole characters', () => {
  fc.assert(
    fc.property(anyText, fc.nat(60), (text, bytes) => {
      const prefix = jsonPrefix(text, bytes)
      expect(text.startsWith(prefix)).toBe(true)
      expect(weight(prefix)).toBeLessThanOrEqual(bytes)
      const [next] = text.slice(prefix.length)
      if (next !== undefined) expect(weight(prefix + next)).toBeGreaterThan(bytes)
    }),
    { numRuns: 500 },
  )
})
