import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { EVENT_OVERHEAD_BYTES, type StoredEvent } from '../../src/core/event.ts'
import { parseFilter } from '../../src/core/filter.ts'
import { Tail } from '../../src/core/tail.ts'
import { storedEvent } from '../support/event.ts'

const everything = parseFilter([], [])
const empty = { events: [], floor: 0, head: 0 }

function offsets(tail: Tail, after: number): number[] {
  const seen: number[] = []
  for (let position = after; position < tail.head; ) {
    const page = tail.after(position, everything, 500)
    seen.push(...page.events.map((event) => event.offset))
    position = page.position
  }
  return seen
}

test('whatever is pushed, evicted and removed, a covered position is followed by exactly what is left', () => {
  const action = fc.oneof(
    fc.record({ push: fc.integer({ min: 1, max: 30 }) }),
    fc.record({ from: fc.nat(200), span: fc.nat(60), every: fc.integer({ min: 1, max: 3 }) }),
  )
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const tail = new Tail(50 * (EVENT_OVERHEAD_BYTES + 24), empty)
      let kept: StoredEvent[] = []
      let head = 0
      for (const step of actions) {
        if ('push' in step) {
          const events = Array.from({ length: step.push }, () => storedEvent({ offset: ++head }))
          kept.push(...events)
          tail.push({ events, head })
          continue
        }
        const removal = {
          from: step.from,
          upTo: step.from + step.span,
          erased: false,
          gone: ({ offset }: { offset: number }) =>
            offset > step.from && offset <= step.from + step.span && offset % step.every === 0,
        }
        kept = kept.filter((event) => !removal.gone(event))
        tail.forget(removal)
      }
      for (let position = 0; position <= head; position++) {
        if (!tail.covers(position)) continue
        expect(offsets(tail, position)).toEqual(kept.map((event) => event.offset).filter((offset) => offset > position))
      }
      expect(tail.covers(head)).toBe(true)
    }),
    { numRuns: 300 },
  )
})

test('its bound counts what tiny events weigh in memory, not only their text', () => {
  const tail = new Tail(100_000, empty)
  const events = Array.from({ length: 10_000 }, (_, index) => storedEvent({ offset: index + 1, bytes: 9 }))
  tail.push({ events, head: 10_000 })
  expect(offsets(tail, 9_000).length).toBeLessThan(100_000 / EVENT_OVERHEAD_BYTES)
  expect(tail.bytes).toBeLessThanOrEqual(100_000)
})

test.each([
  ['one short pattern', ['*/*/x'], 5_000],
  ['many patterns', Array.from({ length: 64 }, (_, n) => `*/*/${n}`), 500],
  ['many long patterns', Array.from({ length: 64 }, (_, n) => `${'*/'.repeat(40)}${n}/**`), 50],
])('a step looks at as many events as %s have time for, and says when the time is over', (_, patterns, least) => {
  const tail = new Tail(1 << 30, empty)
  const events = Array.from({ length: 20_000 }, (_, index) => storedEvent({ offset: index + 1, topic: `a/${index}/y` }))
  tail.push({ events, head: 20_000 })
  const filter = parseFilter(patterns, [])
  const page = tail.after(0, filter, 1_000)
  expect(page).toMatchObject({ events: [], spent: true })
  expect(page.position).toBeGreaterThanOrEqual(least)
  expect(page.position).toBeLessThan(least * 3)
  expect(tail.after(20_000 - least, filter, 1_000)).toEqual({ events: [], position: 20_000, spent: false })
})
