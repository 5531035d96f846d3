import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { HubError } from '../../src/core/errors.ts'
import { requireJsonDepth } from '../../src/core/json-depth.ts'

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}

function tooDeep(text: string, allowed: number): boolean {
  try {
    requireJsonDepth(text, allowed)
    return false
  } catch (error) {
    if (error instanceof HubError && error.code === 'invalid-json') return true
    throw error
  }
}

test('the nesting of any JSON is what parsing it shows, brackets and quotes in strings included', () => {
  const text = fc.stringMatching(/^[[\]{}"\\a]{0,12}$/)
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 8 },
      text,
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(text, tie('value'), { maxKeys: 3 }),
    ),
  }))
  fc.assert(
    fc.property(value, fc.integer({ min: 0, max: 6 }), (document, allowed) => {
      // Padding: text that is too short to nest so deep is not looked at, which must not be why this passes.
      const json = `${' '.repeat(20)}${JSON.stringify(document)}`
      expect(tooDeep(json, allowed)).toBe(depthOf(document) > allowed)
    }),
    { numRuns: 500 },
  )
})

test('a string that never ends is not read past its end', () => {
  expect(tooDeep(`"${'['.repeat(500)}`, 64)).toBe(false)
  expect(tooDeep(`"${'\\'.repeat(501)}`, 64)).toBe(false)
})
