import { afterEach, beforeEach, describe, expect, setSystemTime, test } from 'bun:test'
import { settled } from '../support/settled.ts'

interface Tickets {
  current(): Promise<string>
  renew(): Promise<void>
  renewIn(): number
  drop(): void
}

// The modules are declared as text, which is what the server imports them as.
const path = '../../src/page/client-module/tickets.js'
const { Tickets } = (await import(path)) as { Tickets: new (ask: () => Promise<object>) => Tickets }

const NOW = Date.parse('2026-11-22T12:00:00Z')
const HOUR = 3_600_000

/** Tickets `t1`, `t2`, … that end after `ms`. */
function numbered(ms: number) {
  let asked = 0
  return new Tickets(async () => ({ ticket: `t${++asked}`, expires: new Date(Date.now() + ms).toISOString() }))
}

describe('tickets of a page', () => {
  beforeEach(() => void setSystemTime(NOW))
  afterEach(() => void setSystemTime())

  test('one is used until it is about to end, then another is asked for before the hub refuses it', async () => {
    const tickets = numbered(HOUR)
    expect([await tickets.current(), await tickets.current()]).toEqual(['t1', 't1'])
    expect(tickets.renewIn()).toBeGreaterThanOrEqual(0.8 * HOUR)
    expect(tickets.renewIn()).toBeLessThanOrEqual(0.9 * HOUR)
    setSystemTime(NOW + 0.91 * HOUR)
    expect(await tickets.current()).toBe('t2')
  })

  test('one that was refused is not used again', async () => {
    const tickets = numbered(HOUR)
    await tickets.current()
    tickets.drop()
    expect(await tickets.current()).toBe('t2')
  })

  test('a clock that is wrong, or no end at all, makes nobody ask again and again', async () => {
    for (const tickets of [numbered(-HOUR), new Tickets(async () => ({ ticket: 't1' }))]) {
      expect([await tickets.current(), await tickets.current()]).toEqual(['t1', 't1'])
      expect(tickets.renewIn()).toBe(Number.POSITIVE_INFINITY)
    }
  })

  test('the URL that the hub gives will do, and an answer without a ticket says so', async () => {
    const location = Object.getOwnPropertyDescriptor(globalThis, 'location')
    Object.defineProperty(globalThis, 'location', { value: { href: 'https://site.example/' }, configurable: true })
    const byUrl = new Tickets(async () => ({ url: 'https://hub.example/events?ticket=abc.def' }))
    expect(await byUrl.current()).toBe('abc.def')
    const without = new Tickets(async () => ({ url: '/events' }))
    expect(await settled(without.current())).toThrow('no ticket')
    if (location) Object.defineProperty(globalThis, 'location', location)
    else delete (globalThis as { location?: unknown }).location
  })
})
