import { expect, test } from 'bun:test'
import { ManualClock } from '../../support/manual-clock.ts'
import { rejection } from '../../support/settled.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'
import { webhookFixtures } from '../../support/webhook-fixtures.ts'
import { type WebhookHub, webhookHub, webhookSecretText } from '../../support/webhook-hub.ts'
import { verifies } from '../../support/webhook-receiver.ts'

const { hubWith, receiver, keep } = webhookFixtures()

const status = (code: number, headers: Record<string, string> = {}) => new Response(null, { status: code, headers })

/** The hub knows how so many attempts ended, which it does later than their receiver. */
const ended = (hub: WebhookHub, count: number) =>
  until(`${count} attempts to have ended`, () => {
    const [outlet] = hub.webhooks.list()
    return hub.webhooks.show(outlet!.id).attempts.length === count
  })

test('56, 58, 62: each event comes in a POST of its own, signed, with its own id and the subscription it is for', async () => {
  const hub = await hubWith()
  const callback = receiver()
  const secret = webhookSecretText()
  const { id } = await hub.subscribe(callback.url('/a?b=c'), { secret })
  await hub.publish('orders/1', { total: 1 }, { total: 2 })
  await until('both', () => callback.attempts.length === 2)
  for (const received of callback.attempts) {
    expect(received.subscription).toBe(id)
    expect(received.id).toBe(received.json.eventId)
    expect(received.headers.get('content-type')).toBe('application/json')
    expect(verifies(received, secret)).toBe(true)
    expect(Object.keys(received.json).sort()).toEqual(['cursor', 'data', 'eventId', 'name', 'timestamp'])
  }
  // On connections of their own, which may be read in any order.
  expect(new Set(callback.data.map((data) => JSON.stringify(data)))).toEqual(new Set(['{"total":1}', '{"total":2}']))
})

test('59, 61: a failed attempt is made again with the same body and id, and a new time and signature', async () => {
  const clock = new ManualClock(Date.now())
  const hub = await hubWith({ clock })
  let failures = 2
  const callback = receiver({ answer: () => status(failures-- > 0 ? 500 : 204) })
  const secret = webhookSecretText()
  await hub.subscribe(callback.url(), { secret })
  await hub.publish('t', 1)
  await until('one attempt', () => callback.attempts.length === 1)
  for (let tries = 2; tries <= 3; tries++) {
    await ended(hub, tries - 1)
    clock.pass(45_000)
    await until('another', () => callback.attempts.length === tries)
  }
  const [first, second, third] = callback.attempts
  expect(new Set([first!.body, second!.body, third!.body]).size).toBe(1)
  expect(new Set([first!.id, second!.id, third!.id]).size).toBe(1)
  expect(new Set([first!.timestamp, second!.timestamp, third!.timestamp]).size).toBe(3)
  await until('settled', () => hub.webhooks.list()[0]!.delivered === 1)
  expect(hub.webhooks.list()[0]).toMatchObject({
    waiting: 0,
    abandoned: 0,
    lastError: null,
    failedSince: null,
    behind: 0,
  })
})

for (const code of [410, 413]) {
  test(`60: ${code} is never tried again and leaves the subscription as it is`, async () => {
    const clock = new ManualClock(Date.now())
    const hub = await hubWith({ clock })
    const callback = receiver({ answer: ({ json }) => status(json.data?.data === 1 ? code : 204) })
    await hub.subscribe(callback.url())
    await hub.publish('t', 1, 2)
    await until('both settled', () => hub.webhooks.list()[0]!.behind === 0)
    clock.pass(3_600_000)
    await hub.publish('t', 3)
    await until('the next', () => hub.webhooks.list()[0]!.delivered === 2)
    expect(callback.data.slice(0, 2).toSorted()).toEqual([1, 2])
    expect(callback.data.slice(2)).toEqual([3])
    expect(hub.webhooks.list()[0]).toMatchObject({ abandoned: 1, state: 'active' })
  })
}

test('61: one event that always fails delays no other, and is given up after five attempts, which is said as a gap', async () => {
  const clock = new ManualClock(Date.now())
  const hub = await hubWith({ clock })
  const callback = receiver({ answer: ({ json }) => status(json.data?.data === 'poison' ? 500 : 204) })
  await hub.subscribe(callback.url())
  await hub.publish('t', 'poison', 'a', 'b')
  await until('the others', () => hub.webhooks.list()[0]!.delivered === 2)
  for (let tries = 2; tries <= 5; tries++) {
    // Each so far: those of the poison and of all others.
    await ended(hub, 2 * tries - 1)
    clock.pass(500_000)
    await until('another try', () => callback.data.filter((data) => data === 'poison').length === tries)
    await hub.publish('t', `after ${tries}`)
    await until('the rest goes on', () => hub.webhooks.list()[0]!.delivered === tries + 1)
  }
  await until('given up', () => hub.webhooks.list()[0]!.abandoned === 1)
  await hub.publish('t', 'c')
  await until('a gap is said', () => callback.notices.length === 1)
  expect(callback.notices[0]!.json).toEqual({ type: 'gap', cursor: expect.any(String) })
  expect(callback.notices[0]!.id).toMatch(/^msg_gap_[0-9a-f]+$/)
  clock.pass(3_600_000)
  await Bun.sleep(50)
  expect(callback.data.filter((data) => data === 'poison')).toHaveLength(5)
})

test('64: the cursor of a body is behind everything that is not taken, and a refresh says the same place', async () => {
  const clock = new ManualClock(Date.now())
  const hub = await hubWith({ clock })
  const callback = receiver({ answer: ({ json }) => status(json.data?.data === 'first' ? 500 : 204) })
  const secret = webhookSecretText()
  const before = await hub.subscribe(callback.url(), { secret })
  await hub.publish('t', 'first')
  await until('it waits', () => hub.webhooks.list()[0]!.waiting === 1)
  await hub.publish('t', 'second')
  await hub.publish('t', 'third')
  await until('the others', () => hub.webhooks.list()[0]!.delivered === 2)
  expect(callback.attempts.map(({ json }) => json.cursor)).toEqual([before.cursor, before.cursor, before.cursor])
  expect((await hub.subscribe(callback.url(), { secret })).cursor).toBe(before.cursor)
  callback.answer = () => status(204)
  clock.pass(20_000)
  await until('all', () => hub.webhooks.list()[0]!.delivered === 3)
  await hub.publish('t', 'fourth')
  await until('the fourth', () => hub.webhooks.list()[0]!.delivered === 4)
  const [position] = hub.webhooks.list()
  expect(callback.attempts.at(-1)!.json.cursor).toBe(hub.hub.cursor(Number(position!.cursor.split('.')[1]) - 1))
})

test('a receiver that is down for hours loses nothing, costs a try now and then, and gets all when it is back', async () => {
  const clock = new ManualClock(Date.now())
  const hub = await hubWith({ clock })
  const callback = receiver({ answer: () => status(503) })
  await hub.subscribe(callback.url())
  await hub.publish('t', ...Array.from({ length: 50 }, (_, index) => index))
  const began = clock.now()
  await until('it is suspended', () => {
    clock.pass(60_000)
    return hub.webhooks.list()[0]!.state === 'suspended'
  })
  while (clock.now() - began < 120 * 60_000) {
    clock.pass(60_000)
    await hub.idle()
  }
  const [down] = hub.webhooks.list()
  expect(down).toMatchObject({ state: 'suspended', delivered: 0, abandoned: 0, lastError: 'http_5xx' })
  expect(callback.attempts.length).toBeLessThan(80)
  callback.answer = () => status(204)
  await until('all of it', () => {
    clock.pass(60_000)
    return hub.webhooks.list()[0]!.delivered === 50
  })
  expect(hub.webhooks.list()[0]).toMatchObject({ state: 'active', delivered: 50, abandoned: 0, behind: 0 })
  expect(new Set(callback.attempts.slice(-50).map(({ json }) => json.data.data)).size).toBe(50)
})

test('66: a refresh revives a suspended delivery at once, and says that it was suspended', async () => {
  const clock = new ManualClock(Date.now())
  const hub = await hubWith({ clock })
  const callback = receiver({ answer: () => status(500) })
  const secret = webhookSecretText()
  await hub.subscribe(callback.url(), { secret })
  await hub.publish('t', 1)
  await until('it is suspended', () => {
    clock.pass(60_000)
    return hub.webhooks.list()[0]!.state === 'suspended'
  })
  callback.answer = () => status(204)
  const { status: said } = await hub.subscribe(callback.url(), { secret })
  expect(said).toMatchObject({ active: false, lastError: 'http_5xx', failedSince: expect.any(Number) })
  await until('delivered without waiting', () => hub.webhooks.list()[0]!.delivered === 1)
  expect((await hub.subscribe(callback.url(), { secret })).status).toMatchObject({ active: true, lastError: null })
})

test('Retry-After is kept to', async () => {
  const clock = new ManualClock(Date.now())
  const hub = await hubWith({ clock })
  let busy = true
  const callback = receiver({ answer: () => (busy ? status(429, { 'retry-after': '120' }) : status(204)) })
  await hub.subscribe(callback.url())
  await hub.publish('t', 1)
  await until('it waits', () => hub.webhooks.list()[0]!.waiting === 1)
  busy = false
  clock.pass(110_000)
  await Bun.sleep(50)
  expect(callback.attempts).toHaveLength(1)
  clock.pass(11_000)
  await until('then', () => hub.webhooks.list()[0]!.delivered === 1)
})

test('a slow receiver and a dead one delay nobody else', async () => {
  const hub = await hubWith()
  const held: (() => void)[] = []
  const slow = receiver({ answer: () => new Promise((resolve) => held.push(() => resolve(status(204)))) })
  const dead = receiver()
  const healthy = receiver()
  for (let index = 0; index < 20; index++) await hub.subscribe(slow.url(`/${index}`))
  for (let index = 0; index < 4; index++) await hub.subscribe(dead.url(`/${index}`))
  await hub.subscribe(healthy.url())
  await dead.close()
  await hub.publish('t', ...Array.from({ length: 300 }, (_, index) => index))
  // None of the slow one's attempts ends before.
  await until('all at the healthy one', () => healthy.attempts.length === 300)
  expect(slow.attempts.length).toBeLessThanOrEqual(12)
  for (const release of held) release()
  slow.answer = () => status(204)
})

test('what was erased is not sent, not even when it waits for another attempt', async () => {
  const clock = new ManualClock(Date.now())
  const hub = await hubWith({ clock })
  const callback = receiver({ answer: () => status(500) })
  await hub.subscribe(callback.url())
  const [receipt] = await hub.publish('t', 'should not have been published')
  await until('it waits', () => hub.webhooks.list()[0]!.waiting === 1)
  await hub.log.erase({ offset: receipt!.offset })
  callback.answer = () => status(204)
  clock.pass(20_000)
  await until('nothing waits', () => hub.webhooks.list()[0]!.waiting === 0)
  await hub.publish('t', 'after')
  await until('the next', () => callback.attempts.length === 2)
  expect(callback.data).toEqual(['should not have been published', 'after'])
  expect(callback.notices).toEqual([])
})

test('what retention took before it was sent is said as a gap, and the rest comes', async () => {
  const clock = new ManualClock(Date.now())
  const hub = await hubWith({ clock, retention: { maxEvents: 10 } })
  const callback = receiver()
  const { id } = await hub.subscribe(callback.url())
  await hub.webhooks.disable(id)
  for (let index = 0; index < 40; index++) await hub.publish('t', index)
  await hub.log.trim()
  await hub.webhooks.enable(id)
  await until('the last', () => callback.data.includes(39))
  await until('a gap', () => callback.notices.length > 0)
  expect(callback.notices[0]!.json.type).toBe('gap')
  expect(callback.data.length).toBeLessThan(40)
})

test('what retention took while it was in hand is sent: nothing is missing without a word', async () => {
  const hub = await hubWith({ retention: { maxEvents: 10 } })
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
  const callback = receiver({ answer: () => answered.then(() => status(204)) })
  await hub.subscribe(callback.url())
  const numbers = Array.from({ length: 100 }, (_, index) => index)
  await hub.publish('t', ...numbers.slice(0, 50))
  await until('as many as go at once', () => callback.attempts.length === 8)
  await hub.publish('t', ...numbers.slice(50))
  await until('what is in hand to be gone', () => hub.log.oldest > 60)
  answer()
  await until('all to be settled', () => hub.webhooks.list()[0]!.behind === 0)
  expect(callback.data.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers)
  expect(callback.notices).toEqual([])
})

test('nothing is lost over restarts, also what waits for another attempt', async () => {
  using directory = tempDir()
  const clock = new ManualClock(Date.now())
  const callback = receiver({ answer: ({ json }) => status(json.data?.data % 5 === 0 ? 500 : 204) })
  let hub = await webhookHub({ clock, directory: directory.path })
  await hub.subscribe(callback.url())
  for (let round = 0; round < 3; round++) {
    await hub.publish('t', ...Array.from({ length: 20 }, (_, index) => round * 20 + index))
    await hub.close()
    hub = await webhookHub({ clock, directory: directory.path })
  }
  keep(hub)
  callback.answer = () => status(204)
  await until('all of it', () => {
    clock.pass(30_000)
    return hub.webhooks.list()[0]!.delivered === 60
  })
  expect(hub.webhooks.list()[0]).toMatchObject({ delivered: 60, abandoned: 0, waiting: 0, behind: 0 })
  const taken = new Set(callback.data)
  expect(taken.size).toBe(60)
})

test('redeliver sends one event once more, one that waits at once, and everything after a place', async () => {
  const clock = new ManualClock(Date.now())
  const hub = await hubWith({ clock })
  const callback = receiver({ answer: ({ json }) => status(json.data?.data === 'late' ? 500 : 204) })
  const { id } = await hub.subscribe(callback.url())
  const receipts = await hub.publish('t', 'a', 'b', 'late')
  await until('it waits', () => hub.webhooks.list()[0]!.waiting === 1 && hub.webhooks.list()[0]!.delivered === 2)
  callback.answer = () => status(204)
  const cursors = receipts.map(({ offset }) => hub.hub.cursor(offset))
  await hub.webhooks.redeliver(id, { event: cursors[2]! })
  await until('it is taken', () => hub.webhooks.list()[0]!.delivered === 3)
  await hub.webhooks.redeliver(id, { event: cursors[0]! })
  await until('once more', () => hub.webhooks.list()[0]!.delivered === 4)
  expect(callback.data.slice(0, 3).toSorted()).toEqual(['a', 'b', 'late'])
  expect(callback.data.slice(3)).toEqual(['late', 'a'])
  await hub.webhooks.redeliver(id, { after: cursors[0]! })
  await until('the last two again', () => hub.webhooks.list()[0]!.delivered === 6)
  expect(callback.data.slice(5).sort()).toEqual(['b', 'late'])
  expect(hub.webhooks.list()[0]).toMatchObject({ behind: 0, waiting: 0 })
  expect(await rejection(hub.webhooks.redeliver(id, { event: hub.hub.cursor(99) }))).toMatchObject({
    code: 'invalid-cursor',
  })
  expect(await rejection(hub.webhooks.redeliver('sub_none', { after: cursors[0]! }))).toMatchObject({
    code: 'not-found',
  })
})

test('what is disabled is sent nothing, stays so over a refresh and a restart, and goes on where it was', async () => {
  using directory = tempDir()
  const callback = receiver()
  const secret = webhookSecretText()
  const first = await webhookHub({ directory: directory.path })
  const { id } = await first.subscribe(callback.url(), { secret })
  await first.webhooks.disable(id)
  await first.publish('t', 1)
  expect((await first.subscribe(callback.url(), { secret })).status).toMatchObject({ active: false })
  await first.close()
  const hub = await hubWith({ directory: directory.path })
  expect(hub.webhooks.list()[0]).toMatchObject({ state: 'disabled', behind: 1 })
  await hub.publish('t', 2)
  await Bun.sleep(50)
  expect(callback.attempts).toEqual([])
  await hub.webhooks.enable(id)
  await until('both', () => callback.attempts.length === 2)
  expect(callback.data.sort()).toEqual([1, 2])
})

test('a receiver that fails half the time gets nearly everything at once, and the rest with its next attempts', async () => {
  const clock = new ManualClock(Date.now())
  const hub = await hubWith({ clock })
  let tries = 0
  const callback = receiver({ answer: () => status(((tries++ * 2654435761) >>> 16) & 1 ? 500 : 204) })
  await hub.subscribe(callback.url())
  await hub.publish('t', ...Array.from({ length: 400 }, (_, index) => index))
  const began = clock.now()
  const settled = () => {
    const [outlet] = hub.webhooks.list()
    return outlet!.delivered + outlet!.abandoned
  }
  await hub.idle()
  while (settled() < 400 && clock.now() - began < 7_000_000) {
    clock.pass(1000)
    await hub.idle()
  }
  expect(settled()).toBe(400)
  expect(hub.webhooks.list()[0]!.abandoned).toBeLessThan(30)
  // By the clock that only this test moves: the pauses of five attempts, and little besides.
  expect(clock.now() - began).toBeLessThan(700_000)
})
