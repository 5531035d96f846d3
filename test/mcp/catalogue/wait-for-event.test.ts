import { afterEach, describe, expect, test } from 'bun:test'
import type { Client } from '@modelcontextprotocol/client'
import { HubError } from '../../../src/core/errors.ts'
import type { Asking } from '../../../src/mcp/asking.ts'
import type { EventPage } from '../../../src/mcp/catalogue/event-page.ts'
import {
  askingOf,
  type CatalogueHub,
  type CatalogueHubOptions,
  catalogueHub,
  principalWith,
  refusalText,
  structured,
} from '../../support/catalogue-hub.ts'
import { draft } from '../../support/hub.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { settled } from '../../support/settled.ts'
import { until } from '../../support/until.ts'

let served: CatalogueHub
let clock: ManualClock

async function serve(options: CatalogueHubOptions = {}): Promise<void> {
  clock = new ManualClock()
  served = await catalogueHub({ clock, ...options })
}

afterEach(async () => {
  expect(served.hub.connections).toBe(0)
  await served.close()
})

type Awaited = Omit<EventPage, 'hasMore'> & { timedOut: boolean }

/** A call that is made and not yet answered; it waits at the hub when this resolves, unless it was answered. */
async function calling(input: Record<string, unknown>, asking: Partial<Asking> = {}) {
  const before = served.hub.connections
  let settled = false
  const answer = served.tool('wait_for_event').call(input, askingOf(asking.principal, asking)) as Promise<never>
  const done = () => {
    settled = true
  }
  answer.then(done, done)
  await until('the call to wait', () => settled || served.hub.connections > before)
  return { answer: answer.then((result) => structured<Awaited>(result)), settled: () => settled }
}

const publish = (...texts: string[]) => served.hub.publish(texts.map((text) => draft('a', text)))
const texts = ({ events }: Awaited) => events.map(({ data }) => data)

describe('what ends a wait', () => {
  test('an event that comes, with all that came with it', async () => {
    await serve()
    const { answer } = await calling({ topics: ['a'] })
    await served.hub.publish([draft('b', 'other')])
    await publish('one', 'two')
    expect(await answer).toEqual({
      events: [expect.objectContaining({ data: 'one' }), expect.objectContaining({ data: 'two' })],
      cursor: served.hub.cursor(3),
      timedOut: false,
      truncated: false,
    })
  })

  test('what is there after since, at once', async () => {
    await serve()
    await publish('one', 'two', 'three')
    const { answer } = await calling({ since: served.hub.cursor(1) })
    expect(texts(await answer)).toEqual(['two', 'three'])
  })

  test('the time, with the cursor to go on from', async () => {
    await serve()
    await publish('one')
    const { answer, settled } = await calling({ topics: ['a'], timeout_seconds: 20 })
    clock.pass(19_999)
    await clock.yield()
    expect(settled()).toBe(false)
    clock.pass(1)
    expect(await answer).toEqual({ events: [], cursor: served.hub.cursor(1), timedOut: true, truncated: false })
  })

  test('no more than 50 s of what was asked for, or 290 s for a caller who hears of the progress', async () => {
    await serve()
    for (const [progress, seconds] of [
      [undefined, 50],
      [() => Promise.resolve(), 290],
    ] as const) {
      const { answer, settled } = await calling({ timeout_seconds: 10_000 }, { progress })
      clock.pass(seconds * 1000 - 1)
      await clock.yield()
      expect(settled()).toBe(false)
      clock.pass(1)
      const { timedOut, note } = await answer
      expect([timedOut, note]).toEqual([
        true,
        `A wait lasts at most ${seconds} s here; this one was brought down to that.`,
      ])
    }
  })

  test('an event in time, of a wait that would have been brought down, and nothing is said of that', async () => {
    await serve()
    const { answer } = await calling({ timeout_seconds: 10_000 })
    clock.pass(1000)
    await publish('one')
    const { events, note } = await answer
    expect([events.length, note]).toEqual([1, undefined])
  })

  test('since "now" waits for what comes from now on', async () => {
    await serve()
    await publish('one')
    const { answer } = await calling({ since: 'now' })
    await publish('two')
    expect(texts(await answer)).toEqual(['two'])
  })

  test('the caller who is gone, also before it began', async () => {
    await serve()
    const gone = new AbortController()
    const { answer } = await calling({}, { signal: gone.signal })
    gone.abort()
    expect((await answer).timedOut).toBe(false)
    const late = await calling({}, { signal: gone.signal })
    expect((await late.answer).events).toEqual([])
  })

  test('a gap, which says whether events after since are gone or the cursor is not of this log', async () => {
    await serve({ retention: { maxEvents: 2 }, limits: { tailBytes: 0 } })
    await publish('one')
    await publish('two', 'three', 'four')
    await served.log.trim()
    const { answer } = await calling({ since: served.hub.cursor(1) })
    const gone = await answer
    expect([texts(gone), gone.truncated]).toEqual([['three', 'four'], true])
    expect(gone.note).toContain('Events after since are gone')
    for (const since of ['zzzzzzzz.3', served.hub.cursor(4).replace('.4', '.5')]) {
      const unknown = await (await calling({ since })).answer
      expect([texts(unknown), unknown.truncated, unknown.cursor]).toEqual([[], true, served.hub.cursor(4)])
      expect(unknown.note).toStartWith(
        "since is not a cursor of this hub's log (any more), so nothing was read from there.",
      )
    }
  })
})

describe('a wait that cannot go on', () => {
  test('is told that the hub stops, and where to go on', async () => {
    await serve()
    await publish('one')
    const { answer } = await calling({})
    await served.hub.drain()
    const error = (await answer.catch((error: unknown) => error)) as HubError
    expect([error.code, error.message]).toEqual(['draining', expect.stringContaining(served.hub.cursor(1))])
    const refused = await served
      .tool('wait_for_event')
      .call({}, askingOf())
      .catch((error: unknown) => error)
    expect((refused as HubError).code).toBe('draining')
  })

  test.each([
    ['credential-expired', 'credential-expired'],
    ['credential-revoked', 'credential-invalid'],
    ['grants-changed', 'forbidden'],
  ] as const)('is told so: %s', async (reason, code) => {
    await serve()
    const { answer } = await calling({})
    void served.hub.reconsider(() => reason)
    const error = (await answer.catch((error: unknown) => error)) as HubError
    expect(error).toBeInstanceOf(HubError)
    expect([error.code, error.message]).toEqual([code, expect.stringContaining('Go on with since')])
  })

  test('ends with the credential, not with the time', async () => {
    await serve()
    const principal = { ...principalWith('a', { subscribe: ['**'] }), expires: clock.now() + 5000 }
    const { answer } = await calling({}, { principal })
    clock.pass(6000)
    expect(((await answer.catch((error: unknown) => error)) as HubError).code).toBe('credential-expired')
  })

  test('is not begun when there are as many as may be, and says when to come back', async () => {
    await serve({ limits: { connectionsPerPrincipal: 1 } })
    const principal = principalWith('a', { subscribe: ['**'] })
    const { answer } = await calling({ timeout_seconds: 1 }, { principal })
    const client = await served.client(principal)
    const refused = refusalText((await client.callTool({ name: 'wait_for_event', arguments: {} })) as never)
    expect(refused).toMatch(/^This credential has too many waits.* Wait \d+ s before\. \[overloaded\]$/)
    clock.pass(1000)
    expect((await answer).timedOut).toBe(true)
  })
})

describe('progress', () => {
  test('is said every 10 s to a caller that asked, through the protocol, until the event comes', async () => {
    await serve()
    const client = await served.client()
    const told: unknown[] = []
    const answer = client.callTool(
      { name: 'wait_for_event', arguments: { timeout_seconds: 60 } },
      { onprogress: (progress) => told.push(progress) },
    )
    await until('the call to wait', () => served.hub.connections === 1)
    clock.pass(9999)
    clock.pass(1)
    clock.pass(10_000)
    await until('both to be told', () => told.length === 2)
    await publish('one')
    expect(texts(structured<Awaited>(await answer))).toEqual(['one'])
    const message = 'Nothing has come yet; still waiting.'
    expect(told).toEqual([
      { progress: 10, total: 60, message },
      { progress: 20, total: 60, message },
    ])
    clock.pass(10_000)
    await clock.yield()
    expect(told).toHaveLength(2)
  })

  test('that cannot be said does not end the wait', async () => {
    await serve()
    const progress = () => {
      throw new Error('gone')
    }
    const { answer } = await calling({}, { progress })
    clock.pass(10_000)
    await publish('one')
    expect(texts(await answer)).toEqual(['one'])
  })
})

test('a cancelled call gives its place back', async () => {
  await serve()
  const client: Client = await served.client()
  const cancel = new AbortController()
  const answer = client.callTool({ name: 'wait_for_event', arguments: {} }, { signal: cancel.signal })
  await until('the call to wait', () => served.hub.connections === 1)
  cancel.abort()
  expect(await settled(answer)).toThrow()
  await until('the place to be free', () => served.hub.connections === 0)
})

describe('following by cursor', () => {
  async function follow(input: Record<string, unknown>, count: number): Promise<{ seen: string[]; calls: number }> {
    const seen: string[] = []
    let since = served.hub.cursor(0)
    let calls = 0
    while (seen.length < count) {
      const { answer } = await calling({ since, ...input })
      const { events, cursor } = await answer
      calls++
      expect(events.length).toBeLessThanOrEqual(20)
      expect(Buffer.byteLength(JSON.stringify(events))).toBeLessThan(32 * 1024)
      seen.push(...events.map((event) => event.cursor))
      since = cursor
    }
    return { seen, calls }
  }

  test('a burst larger than an answer comes in several, without a hole', async () => {
    await serve()
    await publish(...Array.from({ length: 95 }, (_, index) => `${index}`.repeat(400)))
    const { seen, calls } = await follow({}, 95)
    expect(seen).toEqual(Array.from({ length: 95 }, (_, index) => served.hub.cursor(index + 1)))
    expect(calls).toBeGreaterThanOrEqual(5)
  })

  test('every event comes once to each of many who wait while many publish', async () => {
    await serve({ limits: { tailBytes: 4096, maxQueueBytes: 4096 } })
    const count = 600
    const publishing = (async () => {
      for (let number = 0; number < count; ) {
        const batch = Math.min(count - number, 1 + ((number * 7) % 45))
        await served.hub.publish(
          Array.from({ length: batch }, (_, index) =>
            draft(`a/${(number + index) % 3}`, 'x'.repeat((number * 37) % 900)),
          ),
        )
        number += batch
        if (number % 2) await clock.yield()
      }
    })()
    const ofTopic = (topic: number) =>
      Array.from({ length: count }, (_, index) => index)
        .filter((index) => index % 3 === topic)
        .map((index) => served.hub.cursor(index + 1))
    const followed = await Promise.all([
      follow({}, count),
      follow({ topics: ['a/*'] }, count),
      ...[0, 1, 2].map((topic) => follow({ topics: [`a/${topic}`] }, count / 3)),
    ])
    await publishing
    const all = Array.from({ length: count }, (_, index) => served.hub.cursor(index + 1))
    expect(followed.map(({ seen }) => seen)).toEqual([all, all, ofTopic(0), ofTopic(1), ofTopic(2)])
  })
})
