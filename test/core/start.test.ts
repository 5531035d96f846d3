import { expect, test } from 'bun:test'
import { parseStart } from '../../src/core/start.ts'

const now = Date.parse('2026-11-22T12:00:00Z')
const start = (request: { lastEventId?: string; since?: string; last?: string }) =>
  parseStart({ lastEventId: undefined, since: undefined, last: undefined, now, ...request })

test('a Last-Event-ID wins over since, and since over last, so that a reconnect never starts over', () => {
  expect(start({ lastEventId: 'a.7', since: '10m', last: '3' })).toMatchObject({ kind: 'cursor', text: 'a.7' })
  expect(start({ since: '10m', last: '3' })).toMatchObject({ kind: 'time' })
  expect(start({ last: '3' })).toEqual({ kind: 'last', count: 3 })
})

test('an empty value is an absent one', () => {
  expect(start({ lastEventId: '', since: '', last: '' })).toBeUndefined()
  expect(start({ lastEventId: '', since: 'earliest' })).toEqual({ kind: 'earliest' })
})

test.each([
  ['10m', '2026-11-22T11:50:00.000Z'],
  ['1.5h', '2026-11-22T10:30:00.000Z'],
  ['7d', '2026-11-15T12:00:00.000Z'],
  ['2026-11-22T11:00:00Z', '2026-11-22T11:00:00.000Z'],
  ['2026-11-22T11:00:00+01:00', '2026-11-22T10:00:00.000Z'],
  ['2026-11-22T11:00:00 01:00', '2026-11-22T10:00:00.000Z'],
])('since=%s starts at %s', (since, expected) => {
  const parsed = start({ since })
  expect(parsed?.kind === 'time' && new Date(parsed.received).toISOString()).toBe(expected)
})

test('a Last-Event-ID that no hub issued is kept as what was asked for, never refused', () => {
  expect(start({ lastEventId: 'garbage \u0000' })).toMatchObject({ kind: 'cursor', cursor: undefined })
})

test.each([
  { since: 'yesterday' },
  { since: '10' },
  { since: '2026-13-45T00:00:00Z' },
  { last: '0' },
  { last: '1001' },
  { last: 'x' },
])('%j is refused', (request) => {
  expect(() => start(request)).toThrow(expect.objectContaining({ code: 'invalid-query' }))
})
