import { describe, expect, test } from 'bun:test'
import { HubError } from '../../../src/core/errors.ts'
import type { VerifiedCallback } from '../../../src/core/outlet-store.ts'
import { VerifiedCallbacks } from '../../../src/webhooks/subscription/verified-callbacks.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'

const HOUR = 3_600_000

/** What is stored, and how it came to be so. */
class Rows {
  readonly verified: VerifiedCallback[]
  /** How many were forgotten with each call. */
  readonly forgotten: number[] = []
  full = false
  readonly #rows: Map<string, VerifiedCallback>

  constructor(verified: VerifiedCallback[]) {
    this.verified = verified
    this.#rows = new Map(verified.map((each) => [`${each.principal} ${each.url}`, each]))
  }

  get urls(): string[] {
    return [...this.#rows.values()].map(({ url }) => url)
  }

  async verify(callback: VerifiedCallback): Promise<void> {
    if (this.full) throw new HubError('disk-full', 'The disk is full.')
    this.#rows.set(`${callback.principal} ${callback.url}`, callback)
  }

  async forgetVerified(callbacks: readonly Pick<VerifiedCallback, 'principal' | 'url'>[]): Promise<void> {
    this.forgotten.push(callbacks.length)
    for (const { principal, url } of callbacks) this.#rows.delete(`${principal} ${url}`)
  }
}

function callbacks({ stored = [] as VerifiedCallback[], clock = new ManualClock() } = {}) {
  const rows = new Rows(stored)
  const reports: unknown[] = []
  const report = (error: unknown) => void reports.push(error)
  const used = new Set<string>()
  const inUse = (principal: string, url: string) => used.has(`${principal} ${url}`)
  return { clock, rows, used, reports, under: new VerifiedCallbacks({ clock, store: rows, inUse, report }) }
}

const url = (index: number) => `https://hooks.example.net/${index}`

test('what was proven is so for an hour, for one principal and one URL', async () => {
  const { clock, under } = callbacks()
  await under.add('key:a', url(1))
  expect([under.covers('key:a', url(1)), under.covers('key:b', url(1)), under.covers('key:a', url(2))]).toEqual([
    true,
    false,
    false,
  ])
  clock.pass(HOUR - 1)
  expect(under.covers('key:a', url(1))).toBe(true)
  clock.pass(1)
  expect(under.covers('key:a', url(1))).toBe(false)
})

test('what is in use is so however long ago it was, and however many others there were since', async () => {
  const { clock, rows, used, under } = callbacks()
  await under.add('key:a', url(0))
  used.add(`key:a ${url(0)}`)
  for (let index = 1; index <= 300; index++) await under.add('key:a', url(index))
  clock.pass(2 * HOUR)
  await until('all are forgotten', () => rows.urls.length === 0)
  expect([under.covers('key:a', url(0)), under.covers('key:b', url(0))]).toEqual([true, false])
})

test('one principal has 200, the newest, and no matter how many it proves it takes none from another', async () => {
  const { rows, under } = callbacks()
  await under.add('key:other', 'https://other.example.net/')
  for (let index = 0; index < 200; index++) await under.add('key:a', url(index))
  await under.add('key:a', url(0))
  for (let index = 200; index < 1000; index++) await under.add('key:a', url(index))
  expect(under.size).toBe(201)
  expect(rows.urls).toHaveLength(201)
  expect(under.covers('key:other', 'https://other.example.net/')).toBe(true)
  expect([799, 800, 999].map((index) => under.covers('key:a', url(index)))).toEqual([false, true, true])
  expect(new Set(rows.forgotten)).toEqual(new Set([1]))
})

test('one that is proven again is the newest of its principal', async () => {
  const { under } = callbacks()
  for (const index of [0, 1, 0]) await under.add('key:a', url(index))
  for (let index = 2; index <= 200; index++) await under.add('key:a', url(index))
  expect([0, 1].map((index) => under.covers('key:a', url(index)))).toEqual([true, false])
})

test('all principals have 20,000, and each one more costs the oldest and no look at the others', async () => {
  const { under, rows, clock } = callbacks()
  let looks = 0
  const now = clock.now.bind(clock)
  clock.now = () => {
    looks++
    return now()
  }
  for (let index = 0; index < 20_100; index++) await under.add(`key:${index}`, url(index))
  expect([under.size, rows.urls.length]).toEqual([20_000, 20_000])
  expect(looks).toBe(20_100)
  expect([99, 100].map((index) => under.covers(`key:${index}`, url(index)))).toEqual([false, true])
})

test('what could not be written is not proven', async () => {
  const { rows, under } = callbacks()
  rows.full = true
  expect(await under.add('key:a', url(1)).catch(({ code }) => code)).toBe('disk-full')
  expect([under.covers('key:a', url(1)), under.size]).toEqual([false, 0])
})

describe('after a restart', () => {
  test('what was proven still is, in the order it was, and not twice', async () => {
    const clock = new ManualClock()
    const at = clock.now() - 1000
    const stored = Array.from({ length: 200 }, (_, index) => ({ principal: 'key:a', url: url(index), at: at - index }))
    const { under } = callbacks({ stored, clock })
    await under.add('key:a', url(1000))
    expect([0, 198, 199].map((index) => under.covers('key:a', url(index)))).toEqual([true, true, false])
  })
})

describe('the old ones', () => {
  test('are forgotten in pieces, with a turn of the event loop after each; the others stay', async () => {
    const clock = new ManualClock()
    const stored = Array.from({ length: 1200 }, (_, index) => ({
      principal: `key:${index}`,
      url: url(index),
      at: clock.now() - HOUR,
    }))
    stored.push({ principal: 'key:new', url: 'https://new.example.net/', at: clock.now() })
    const { under, rows } = callbacks({ stored, clock })
    let turns = 0
    clock.yield = async () => void turns++
    clock.pass(60_000)
    await until('they are forgotten', () => under.size === 1)
    expect(rows.forgotten).toEqual([500, 500, 200])
    await until('the last turn', () => turns === 3)
    expect(rows.urls).toEqual(['https://new.example.net/'])
  })

  test('that are too many are forgotten too, the oldest first', async () => {
    const clock = new ManualClock()
    const stored = Array.from({ length: 20_700 }, (_, index) => ({
      principal: `key:${index}`,
      url: url(index),
      at: clock.now() - index / 10,
    }))
    const { under } = callbacks({ stored, clock })
    clock.pass(60_000)
    await until('they are forgotten', () => under.size === 20_000)
    expect([19_999, 20_000].map((index) => under.covers(`key:${index}`, url(index)))).toEqual([true, false])
  })

  test('that the store could not forget are reported and tried again', async () => {
    const { under, rows, clock, reports } = callbacks()
    await under.add('key:a', url(1))
    const forget = rows.forgetVerified.bind(rows)
    const trouble = new HubError('disk-full', 'The disk is full.')
    rows.forgetVerified = async () => {
      throw trouble
    }
    clock.pass(HOUR)
    await until('it is reported', () => reports.length === 1)
    expect([reports, rows.urls]).toEqual([[trouble], [url(1)]])
    rows.forgetVerified = forget
    clock.pass(60_000)
    await until('it is forgotten', () => rows.urls.length === 0)
    expect(under.size).toBe(0)
  })

  test('are forgotten one piece at a time however slow the store is, and one proven again meanwhile stays', async () => {
    const { under, rows, clock } = callbacks()
    for (const index of [1, 2]) await under.add('key:a', url(index))
    const { promise, resolve } = Promise.withResolvers<void>()
    const forget = rows.forgetVerified.bind(rows)
    let asked = 0
    rows.forgetVerified = async (all) => {
      asked++
      await forget(all)
      await promise
    }
    clock.pass(HOUR)
    clock.pass(60_000)
    expect(asked).toBe(1)
    await under.add('key:a', url(2))
    resolve()
    await until('the other is forgotten', () => under.size === 1)
    expect([under.covers('key:a', url(2)), rows.urls]).toEqual([true, [url(2)]])
  })

  test('are let be once it is closed', async () => {
    const { under, rows, clock } = callbacks()
    await under.add('key:a', url(1))
    under.close()
    clock.pass(2 * HOUR)
    await Bun.sleep(0)
    expect(rows.forgotten).toEqual([])
  })
})
