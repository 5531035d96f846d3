import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { OpenOffsets } from '../../../src/webhooks/delivery/open-offsets.ts'

test('the lowest is that of a plain set, whatever is added and deleted in which order', () => {
  const step = fc.record({ add: fc.boolean(), offset: fc.integer({ min: 1, max: 40 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const offsets = new OpenOffsets()
      const model = new Set<number>()
      for (const { add, offset } of steps) {
        if (add) offsets.add(offset)
        else offsets.delete(offset)
        if (add) model.add(offset)
        else model.delete(offset)
        expect(offsets.lowest).toBe(model.size > 0 ? Math.min(...model) : undefined)
        expect(offsets.size).toBe(model.size)
      }
    }),
  )
})

test('what was settled long ago takes no room', () => {
  const offsets = new OpenOffsets()
  for (let offset = 1; offset <= 100_000; offset++) {
    offsets.add(offset)
    offsets.delete(offset - 1)
    expect(offsets.lowest).toBe(offset)
  }
})
