import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { draftFrom, draftFromBody } from '../../../src/core/draft.ts'
import { eventCursor, type StoredEvent } from '../../../src/core/event.ts'
import { eventPage, LEAST_PAGE_BYTES, type PageShape, shownPage } from '../../../src/mcp/catalogue/event-page.ts'
import type { ShownEvent } from '../../../src/mcp/catalogue/shown-event.ts'
import { storedEvent } from '../../support/event.ts'

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))

/** As long and as awkward in JSON as its rules let a name be. */
const name = (unit: string, most: number) => fc.nat(most).map((length) => `x${unit.repeat(length)}`)
const data = fc.oneof(
  fc.jsonValue().map((value) => JSON.stringify(value)),
  fc
    .integer({ min: 0, max: 40_000 })
    .chain((length) => fc.constantFrom('a', '"', 'é', '👋', '\u0001', ' ').map((unit) => unit.repeat(length))),
  fc.integer({ min: 0, max: 3_000 }).map((length) => `[${Array.from({ length }, () => '1e20').join(',')}]`),
  fc.constantFrom('12345678901234567890', '{"id":9007199254740993}', '1e999', '{"a":[0.1,1e21,-0]}'),
)
const events = fc
  .array(fc.record({ data, topic: name('"', 510), type: name('👋', 127), id: name('"', 255), asText: fc.boolean() }), {
    maxLength: 40,
  })
  .map((drafts) =>
    drafts.map(({ data, topic, type, id, asText }, index) => {
      const draft = asText
        ? draftFrom({ topic, type, id, data })
        : draftFromBody({ topic, type, id, time: '2026-11-22T12:00:00.123456789+01:00', body: data })
      return storedEvent({ ...draft, offset: index + 1, epoch: 'k3f9a2b7k3f9a2b7' })
    }),
  )
const pages = fc.record({
  events,
  bytes: fc.integer({ min: LEAST_PAGE_BYTES, max: 64 * 1024 }),
  forward: fc.boolean(),
  truncated: fc.boolean(),
  unknown: fc.boolean(),
})

function page(events: StoredEvent[], more: Partial<PageShape> & { bytes: number; truncated?: boolean }) {
  const { forward = true, truncated = false, ...shape } = more
  return shownPage({ events, cursor: 'k3f9a2b7.9007199254740991', hasMore: false, truncated }, { ...shape, forward })
}

/** What the data of an event is, whichever way it is shown. */
function isOf(shown: ShownEvent, event: StoredEvent): boolean {
  if (shown.clipped) return typeof shown.data === 'string' && event.data.startsWith(shown.data)
  if (event.isText || shown.jsonText) return shown.data === event.data
  return Bun.deepEquals(shown.data, JSON.parse(event.data))
}

describe('a page of any events', () => {
  test('is never longer than it may be, is as its schema says, and shows at least one of them', () => {
    fc.assert(
      fc.property(pages, ({ events, ...more }) => {
        const shown = page(events, more)
        expect(bytesOf(shown)).toBeLessThanOrEqual(more.bytes)
        expect(eventPage.safeParse(JSON.parse(JSON.stringify(shown))).success).toBe(true)
        expect(shown.events.length).toBeGreaterThan(events.length === 0 ? -1 : 0)
      }),
      { numRuns: 150 },
    )
  })

  test('shows a run of them without a hole, and its cursor is the place after the last one shown', () => {
    fc.assert(
      fc.property(pages, ({ events, ...more }) => {
        const shown = page(events, more)
        const count = shown.events.length
        const run = more.forward ? events.slice(0, count) : events.slice(events.length - count)
        expect(shown.events.map(({ cursor }) => cursor)).toEqual(run.map(eventCursor))
        for (const [index, event] of shown.events.entries()) expect(isOf(event, run[index]!)).toBe(true)
        const cut = more.forward && count < events.length
        expect(shown.cursor).toBe(cut ? eventCursor(run.at(-1)!) : 'k3f9a2b7.9007199254740991')
        expect(shown.hasMore).toBe(cut)
        if (!more.forward && count < events.length)
          expect(shown.note).toContain('Older events that match were left out')
      }),
      { numRuns: 150 },
    )
  })

  test('gives what short events leave to the long ones, which get the same', () => {
    const long = 'x'.repeat(50_000)
    const events = ['short', long, 'short', long].map((data, index) =>
      storedEvent({ offset: index + 1, data, isText: true }),
    )
    const shown = page(events, { bytes: 32 * 1024 })
    const lengths = shown.events.map(({ data }) => String(data).length)
    expect(lengths[0]).toBe(5)
    expect(lengths[1]).toBe(lengths[3]!)
    expect(lengths[1]).toBeGreaterThan(15_000)
    expect(shown.events[1]!.clipped).toEqual({ bytes: 50_000, resource: 'events://events/k3f9a2b7.2' })
    expect(shown.events[0]!.clipped).toBeUndefined()
  })

  test('of which none is long shows all of them whole', () => {
    const events = Array.from({ length: 20 }, (_, index) => storedEvent({ offset: index + 1, data: '{"total":99}' }))
    const shown = page(events, { bytes: 32 * 1024 })
    expect(shown.events.map(({ data }) => data)).toEqual(events.map(() => ({ total: 99 })))
    expect(shown.note).toBeUndefined()
  })
})

describe('numbers', () => {
  const shownData = (data: string) => {
    const { events } = page([storedEvent({ offset: 1, data })], { bytes: 32 * 1024 })
    return [events[0]!.data, events[0]!.jsonText]
  }

  test.each(['{"id":12345678901234567890}', '[9007199254740993]', '1e999', '{"a":[1e0400]}'])(
    'that a JSON reader would change are shown as the text they were sent as: %s',
    (data) => {
      expect(shownData(data)).toEqual([data, true])
    },
  )

  test.each([
    '{"id":9007199254740992}',
    '0.1234567890123456789',
    '"12345678901234567890"',
    '1e21',
    '-0.5',
    '{"1234567890123456789":1}',
  ])('that keep their meaning are shown as numbers: %s', (data) => {
    expect(shownData(data)).toEqual([JSON.parse(data), undefined])
  })
})
