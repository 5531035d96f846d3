import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { connect as Connect } from '../../src/page/client-module/client.d.ts'
import { SimulatedBrowser } from '../support/simulated-browser.ts'

// The modules are declared as text, which is what the server imports them as.
const path = '../../src/page/client-module/connect.js'
const { connect } = (await import(path)) as { connect: typeof Connect }

interface Tab {
  number: number
  events: { cursor: string; data: unknown; principal?: string }[]
  gaps: { resumedFrom: string }[]
  alive: boolean
}

type Move =
  | { kind: 'happen'; which: number; timers: boolean }
  | { kind: 'publish'; mine: boolean }
  | { kind: 'open'; earliest: boolean }
  | { kind: 'kill' | 'cut'; which: number }
  | { kind: 'cut all' }
  | { kind: 'crash'; lost: number }

const which = fc.nat(1000)
const moves = (crashes: boolean) =>
  fc.array(
    fc.oneof(
      { weight: 30, arbitrary: fc.record({ kind: fc.constant('happen' as const), which, timers: fc.constant(false) }) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('happen' as const), which, timers: fc.constant(true) }) },
      { weight: 8, arbitrary: fc.record({ kind: fc.constant('publish' as const), mine: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('open' as const), earliest: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('kill' as const, 'cut' as const), which }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut all' as const) }) },
      ...(crashes
        ? [{ weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const), lost: fc.nat(4) }) }]
        : []),
    ),
    { minLength: 40, maxLength: 160 },
  )

/** Plays the moves, lets everything that is on its way arrive, and gives the tabs that are left. */
async function play(list: readonly Move[], browser: SimulatedBrowser, users: readonly string[]): Promise<Tab[]> {
  const tabs: Tab[] = []
  const alive = () => tabs.filter((tab) => tab.alive)
  const happen = async (index: number, timers: 'none' | 'once' | 'all') => {
    const choices = browser.choices(timers)
    if (choices.length > 0) await browser.run(choices[index % choices.length]!)
  }
  const open = async (earliest: boolean) => {
    const tab: Tab = { number: tabs.length + 1, events: [], gaps: [], alive: true }
    tabs.push(tab)
    browser.principals.set(tab.number, users[tab.number % users.length]!)
    const run = () => {
      connect({
        url: 'http://hub.example',
        topics: ['a'],
        since: earliest ? 'earliest' : 'now',
        event: (event) => tab.events.push(event as Tab['events'][number]),
        gap: (gap) => tab.gaps.push(gap),
      })
    }
    await browser.run({ tab: tab.number, run })
  }
  await open(true)
  await open(true)
  for (const move of list) {
    if (move.kind === 'happen') await happen(move.which, move.timers ? 'all' : 'none')
    else if (move.kind === 'publish') browser.hub.publish(move.mine)
    else if (move.kind === 'open') await open(move.earliest)
    else if (move.kind === 'cut all') await browser.cut()
    else if (move.kind === 'crash') {
      // A message from tab to tab takes no longer than a hub to start again.
      await browser.deliverMail()
      browser.hub.crash(move.lost)
      await browser.cut()
    } else {
      const tab = alive()[move.which % alive().length]!
      if (move.kind === 'cut') await browser.cut(tab.number)
      else if (alive().length > 1) {
        tab.alive = false
        browser.kill(tab.number)
      }
    }
  }
  // Everything in turn but the watchdogs: nothing is slow any more.
  const settle = async () => {
    for (let choices = browser.choices('once'), round = 0; choices.length > 0; choices = browser.choices('once')) {
      if (++round > 500) throw new Error('The tabs do not come to rest.')
      for (const choice of choices) await browser.run(choice)
    }
  }
  await settle()
  browser.hub.publish(true)
  await settle()
  return alive()
}

const offsetOf = (cursor: string) => Number(cursor.split('.')[1])

async function simulated(
  list: readonly Move[],
  check: (tabs: Tab[], browser: SimulatedBrowser) => void,
  users: readonly string[] = ['local'],
) {
  const browser = new SimulatedBrowser()
  const undo = browser.install()
  try {
    check(await play(list, browser, users), browser)
  } finally {
    undo()
  }
}

test('whatever tabs open, close, lose their stream or are slow: each gets every event after its first once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(moves(false), (list) =>
      simulated(list, (tabs, browser) => {
        const mine = browser.hub.events.flatMap(({ mine }, index) => (mine ? [index + 1] : []))
        for (const tab of tabs) {
          const got = tab.events.map(({ cursor }) => offsetOf(cursor))
          expect(got.length).toBeGreaterThan(0)
          expect(got).toEqual(mine.filter((offset) => offset >= got[0]!))
          expect(tab.gaps).toEqual([])
        }
      }),
    ),
    { numRuns: 1500 },
  )
}, 60_000)

test('when the hub loses what it had sent, no tab takes a new event for one that it had, or skips one without a gap', async () => {
  await fc.assert(
    fc.asyncProperty(moves(true), (list) =>
      simulated(list, (tabs, browser) => {
        for (const tab of tabs) {
          const got = tab.events.map(({ cursor, data }) => `${cursor} ${data}`)
          expect(new Set(got).size).toBe(got.length)
          const from = Math.max(0, ...tab.gaps.map(({ resumedFrom }) => offsetOf(resumedFrom)))
          const first = tab.events[0] ? offsetOf(tab.events[0].cursor) : 0
          const kept = browser.hub.events.flatMap(({ mine, epoch }, index) =>
            mine && index + 1 >= first && index + 1 > from ? [`${index + 1} of ${epoch}`] : [],
          )
          const data = tab.events.map((event) => event.data)
          expect(kept.filter((event) => !data.includes(event))).toEqual([])
        }
      }),
    ),
    { numRuns: 1500 },
  )
}, 60_000)

test('tabs that are left in peace come down to one stream', async () => {
  await fc.assert(
    fc.asyncProperty(moves(false), (list) =>
      simulated(list, (tabs, browser) => {
        expect(tabs.length).toBeGreaterThan(0)
        expect(browser.streams).toBe(1)
      }),
    ),
    { numRuns: 300 },
  )
}, 60_000)

test('a tab is never handed what the hub sent to a tab of somebody else', async () => {
  const users = ['sub:alice', 'sub:bob', 'sub:carol']
  const check = (tabs: Tab[]) => {
    for (const tab of tabs) {
      const mine = users[tab.number % users.length]
      expect(tab.events.filter(({ principal }) => principal !== mine)).toEqual([])
    }
  }
  await fc.assert(
    fc.asyncProperty(moves(true), (list) => simulated(list, check, users)),
    { numRuns: 300 },
  )
}, 60_000)
