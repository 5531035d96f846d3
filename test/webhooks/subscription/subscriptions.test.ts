import { expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { ALL_GRANTS, parseGrants } from '../../../src/core/grants.ts'
import type { Principal } from '../../../src/core/principal.ts'
import { subscriptionId } from '../../../src/webhooks/subscription/identity.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { settled } from '../../support/settled.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'
import { webhookFixtures } from '../../support/webhook-fixtures.ts'
import { webhookHub, webhookSecretText } from '../../support/webhook-hub.ts'
import { type Received, verifies } from '../../support/webhook-receiver.ts'

const { hubWith, receiver } = webhookFixtures()

const who = (id: string, more: Partial<Principal> = {}): Principal => ({
  id,
  grants: ALL_GRANTS,
  expires: undefined,
  credential: `credential of ${id}`,
  limited: true,
  ...more,
})

const HOUR = 3_600_000

test('38: the id is that of the worked example, whatever the order of the arguments', () => {
  const key = { principal: 'user_7', url: 'https://hooks.example.net/mcp/cb1', name: 'demo.created' }
  const id = 'sub_dd6795afb93f68facc60b2a1832de293'
  expect(subscriptionId({ ...key, arguments: { a: { x: null, y: [2, 1] }, b: 1 } })).toBe(id)
  expect(subscriptionId({ ...key, arguments: { b: 1, a: { y: [2, 1], x: null } } })).toBe(id)
  expect(subscriptionId({ ...key, arguments: { b: 1, a: { y: [1, 2], x: null } } })).not.toBe(id)
})

test('38: refresh and restart keep the id; another principal, URL, name or argument has another', async () => {
  using directory = tempDir()
  const callback = receiver()
  const first = await webhookHub({ directory: directory.path })
  const { id } = await first.subscribe(callback.url(), { principal: who('a') })
  expect((await first.subscribe(callback.url(), { principal: who('a') })).id).toBe(id)
  await first.close()
  const hub = await hubWith({ directory: directory.path })
  expect(hub.webhooks.list().map((each) => each.id)).toEqual([id])
  expect((await hub.subscribe(callback.url(), { principal: who('a') })).id).toBe(id)
  const others = [
    await hub.subscribe(callback.url(), { principal: who('b') }),
    await hub.subscribe(callback.url('/other'), { principal: who('a') }),
    await hub.subscribe(callback.url(), { principal: who('a'), arguments: { topic: 'orders/*' } }),
  ]
  expect(new Set([id, ...others.map((each) => each.id)]).size).toBe(4)
})

test('39: the same subscription made five times at once is one, with the end of the last', async () => {
  const hub = await hubWith()
  const callback = receiver()
  const made = await Promise.all(Array.from({ length: 4 }, () => hub.subscribe(callback.url())))
  expect(new Set(made.map(({ id }) => id)).size).toBe(1)
  expect(hub.webhooks.list()).toHaveLength(1)
  await hub.publish('t', 1)
  await until('it comes', () => callback.attempts.length === 1)
  await Bun.sleep(50)
  expect(callback.attempts).toHaveLength(1)
})

test('41, 42: every time to live is clamped and none refused; no end only for those who ask for none', async () => {
  using directory = tempDir()
  const clock = new ManualClock(Date.now())
  const hub = await webhookHub({ clock, directory: directory.path })
  const callback = receiver()
  const now = clock.now()
  const granted = async (ttlMs: number | null | undefined, principal = who('a')) =>
    (await hub.subscribe(callback.url(), { ttlMs, principal })).refreshBefore
  expect(await granted(1)).toBe(now + 60_000)
  expect(await granted(-5)).toBe(now + 60_000)
  expect(await granted(HOUR)).toBe(now + HOUR)
  expect(await granted(Number.MAX_SAFE_INTEGER)).toBe(now + 24 * HOUR)
  expect(await granted(undefined)).toBe(now + 24 * HOUR)
  expect(await granted(null)).toBeNull()
  const short = who('token', { expires: now + 600_000 })
  expect(await granted(null, short)).toBe(now + 600_000)
  expect(await granted(HOUR, short)).toBe(now + 600_000)
  await hub.close()
})

test('42: a hub that keeps nothing over a restart grants nothing without an end', async () => {
  const clock = new ManualClock(Date.now())
  const hub = await hubWith({ clock })
  expect((await hub.subscribe(receiver().url(), { ttlMs: null })).refreshBefore).toBe(clock.now() + 24 * HOUR)
})

test('43: what was granted outlasts a restart, and ends when it ends', async () => {
  using directory = tempDir()
  const clock = new ManualClock(Date.now())
  const callback = receiver()
  const first = await webhookHub({ clock, directory: directory.path })
  await first.subscribe(callback.url(), { ttlMs: 600_000 })
  await first.close()
  const hub = await hubWith({ clock, directory: directory.path })
  await hub.publish('t', 1)
  await until('it comes', () => callback.attempts.length === 1)
  clock.pass(599_000)
  expect(hub.webhooks.list()).toHaveLength(1)
  clock.pass(2000)
  expect(hub.webhooks.list()).toEqual([])
  await hub.publish('t', 2)
  await Bun.sleep(100)
  expect(callback.attempts).toHaveLength(1)
})

test('43: one that ended while the hub was down is not there after the start', async () => {
  using directory = tempDir()
  const clock = new ManualClock(Date.now())
  const first = await webhookHub({ clock, directory: directory.path })
  await first.subscribe(receiver().url(), { ttlMs: 600_000 })
  await first.close()
  clock.pass(601_000)
  expect((await hubWith({ clock, directory: directory.path })).webhooks.list()).toEqual([])
})

test('44, 52: a refresh replaces the secret without a second challenge; both sign for five minutes, then only the new one', async () => {
  const clock = new ManualClock(Date.now())
  const hub = await hubWith({ clock })
  const callback = receiver()
  const [a, b] = [webhookSecretText(), webhookSecretText()]
  await hub.subscribe(callback.url(), { secret: a })
  await hub.subscribe(callback.url(), { secret: b })
  expect(callback.challenges).toHaveLength(1)
  await hub.publish('t', 1)
  await until('the first', () => callback.attempts.length === 1)
  expect(signers(callback.attempts[0]!, [b, a])).toEqual([b, a])
  clock.pass(301_000)
  await hub.publish('t', 2)
  await until('the second', () => callback.attempts.length === 2)
  expect(callback.attempts[1]!.signature.split(' ')).toHaveLength(1)
})

/** Which of the secrets signed, in the order of the header. The receiver's clock is the test's. */
function signers({ id, timestamp, body, signature }: Received, secrets: readonly string[]): string[] {
  return signature.split(' ').map((entry) => {
    const found = secrets.find((secret) => {
      const mac = new Bun.CryptoHasher('sha256', Buffer.from(secret.slice(6), 'base64'))
      return `v1,${mac.update(`${id}.${timestamp}.${body}`).digest('base64')}` === entry
    })
    return found ?? 'nobody'
  })
}

test('45: after unsubscribe nothing more comes, no retry either; an unknown key is told apart', async () => {
  const clock = new ManualClock(Date.now())
  const hub = await hubWith({ clock })
  const callback = receiver({ answer: () => new Response(null, { status: 500 }) })
  await hub.subscribe(callback.url(), { principal: who('a') })
  await hub.publish('t', 1)
  await until('it waits', () => hub.webhooks.list()[0]!.waiting === 1)
  const key = { url: callback.url(), name: 'topic.event', arguments: { topic: '**' } }
  expect(await hub.webhooks.unsubscribe({ ...key, principal: 'b' })).toBe(false)
  expect(hub.webhooks.list()).toHaveLength(1)
  expect(await hub.webhooks.unsubscribe({ ...key, principal: 'a' })).toBe(true)
  expect(await hub.webhooks.unsubscribe({ ...key, principal: 'a' })).toBe(false)
  const before = callback.attempts.length
  clock.pass(HOUR)
  await hub.publish('t', 2)
  await Bun.sleep(100)
  expect(callback.attempts).toHaveLength(before)
})

test('45: an unsubscribe during the challenge is not undone by it', async () => {
  const hub = await hubWith()
  let answer = (): void => {}
  const callback = receiver({
    prove: ({ json }) =>
      new Promise((resolve) => (answer = () => resolve(Response.json({ challenge: json.challenge })))),
  })
  const making = hub.subscribe(callback.url(), { principal: who('a') }).catch((error: Error) => error)
  await until('it is asked', () => callback.challenges.length === 1)
  const key = { principal: 'a', url: callback.url(), name: 'topic.event', arguments: { topic: '**' } }
  expect(await hub.webhooks.unsubscribe(key)).toBe(true)
  answer()
  expect(await making).toBeInstanceOf(Error)
  expect(hub.webhooks.list()).toEqual([])
})

test('46: one subscription too many is refused before its callback hears of it, of one principal and of all', async () => {
  const hub = await hubWith({ limits: { webhooks: 4, webhooksPerPrincipal: 2 } })
  const callback = receiver()
  for (const path of ['/1', '/2']) await hub.subscribe(callback.url(path), { principal: who('a') })
  const refused = await hub.subscribe(callback.url('/3'), { principal: who('a') }).catch((error) => error)
  expect(refused).toMatchObject({ code: 'too-many-webhooks', limit: 'webhooks_per_principal', max: 2 })
  await hub.subscribe(callback.url('/2'), { principal: who('a') })
  for (const path of ['/1', '/2']) await hub.subscribe(callback.url(path), { principal: who('b') })
  const full = await hub.subscribe(callback.url('/1'), { principal: who('c') }).catch((error) => error)
  expect(full).toMatchObject({ code: 'too-many-webhooks', limit: 'webhooks', max: 4 })
  expect(callback.challenges).toHaveLength(4)
  await hub.webhooks.unsubscribe({
    principal: 'a',
    url: callback.url('/1'),
    name: 'topic.event',
    arguments: { topic: '**' },
  })
  await hub.subscribe(callback.url('/1'), { principal: who('c') })
})

test('46: a challenge that fails takes no place', async () => {
  const hub = await hubWith({ limits: { webhooks: 1, webhooksPerPrincipal: 1 } })
  const wrong = receiver({ prove: () => Response.json({ challenge: 'something else' }) })
  for (let index = 0; index < 3; index++) {
    const refused = await hub.subscribe(wrong.url()).catch((error) => error)
    expect(refused).toMatchObject({ code: 'callback-failed', failure: 'challenge_failed' })
  }
  await hub.subscribe(receiver().url())
})

test('48: the same callback, type and arguments of two principals are two subscriptions, each with its own end', async () => {
  const hub = await hubWith()
  const callback = receiver()
  const [a, b] = [webhookSecretText(), webhookSecretText()]
  const ofA = await hub.subscribe(callback.url(), { principal: who('a'), secret: a })
  const ofB = await hub.subscribe(callback.url(), { principal: who('b'), secret: b })
  await hub.publish('t', 1)
  await until('both', () => callback.attempts.length === 2)
  const [one, other] = callback.attempts
  const secretOf = (received: Received) => (received.subscription === ofA.id ? a : b)
  expect(new Set([one!.subscription, other!.subscription])).toEqual(new Set([ofA.id, ofB.id]))
  for (const each of [one!, other!]) expect(verifies(each, secretOf(each))).toBe(true)
  await hub.webhooks.unsubscribe({
    principal: 'a',
    url: callback.url(),
    name: 'topic.event',
    arguments: { topic: '**' },
  })
  await hub.publish('t', 2)
  await until('only one', () => callback.attempts.length === 3)
  expect(callback.attempts[2]!.subscription).toBe(ofB.id)
})

test('49, 50, 52: nothing is sent before the challenge is answered; another principal is asked again, other arguments are not', async () => {
  const hub = await hubWith()
  let answer = (): void => {}
  const callback = receiver({
    prove: ({ json }) =>
      new Promise((resolve) => (answer = () => resolve(Response.json({ challenge: json.challenge })))),
  })
  const secret = webhookSecretText()
  const making = hub.subscribe(callback.url(), { principal: who('a'), secret })
  await until('it is asked', () => callback.challenges.length === 1)
  await hub.publish('t', 'before')
  await Bun.sleep(50)
  expect(callback.attempts).toEqual([])
  expect(verifies(callback.challenges[0]!, secret)).toBe(true)
  expect(callback.challenges[0]!.id).toMatch(/^msg_verification_/)
  answer()
  expect((await making).id).toBe(callback.challenges[0]!.subscription)
  await hub.publish('t', 'after')
  await until('the event', () => callback.attempts.length === 1)
  expect(callback.data).toEqual(['after'])
  await hub.subscribe(callback.url(), { principal: who('a'), arguments: { topic: 'orders/*' } })
  expect(callback.challenges).toHaveLength(1)
  const ofB = hub.subscribe(callback.url(), { principal: who('b') })
  await until('asked again', () => callback.challenges.length === 2)
  answer()
  await ofB
  expect(callback.challenges[0]!.json.challenge).not.toBe(callback.challenges[1]!.json.challenge)
})

test('51: a failed challenge stores nothing and leaves the subscription that is there as it was', async () => {
  using directory = tempDir()
  const clock = new ManualClock(Date.now())
  const first = await webhookHub({ clock, directory: directory.path })
  const wrong = receiver({ prove: () => new Response('{}', { status: 500 }) })
  await first.subscribe(wrong.url()).catch(() => {})
  await first.close()
  const hub = await hubWith({ clock, directory: directory.path })
  expect(hub.webhooks.list()).toEqual([])
})

test('37: a cursor is gone on after; one that is kept no more, or of another log, is truncated', async () => {
  const hub = await hubWith({ retention: { maxEvents: 10 } })
  const callback = receiver()
  const start = hub.hub.cursor(0)
  await hub.publish('t', 1, 2, 3)
  const whole = await hub.subscribe(callback.url(), { cursor: start })
  expect(whole).toMatchObject({ truncated: false, cursor: start })
  await until('all three', () => callback.attempts.length === 3)
  for (let index = 0; index < 30; index++) await hub.publish('t', index)
  await hub.log.trim()
  const cut = await hub.subscribe(callback.url('/2'), { cursor: start })
  expect(cut.truncated).toBe(true)
  expect((await hub.subscribe(callback.url('/3'), { cursor: 'elsewhere.7' })).truncated).toBe(true)
  expect((await hub.subscribe(callback.url('/4'), { cursor: null })).truncated).toBe(false)
  expect(
    (await hub.subscribe(callback.url('/5'), { cursor: hub.hub.cursor(hub.log.head - 3), maxAgeMs: 0 })).truncated,
  ).toBe(true)
  await until('the rest at the second', () => callback.attempts.filter(({ path }) => path === '/2').length >= 10)
  expect(callback.notices).toEqual([])
})

test('65: a principal that is nobody any more ends with Forbidden, at once and told once', async () => {
  let revoked = false
  const hub = await hubWith({ standing: (principal) => (revoked ? 'nobody' : principal) })
  const callback = receiver()
  const { id } = await hub.subscribe(callback.url(), { principal: who('a') })
  revoked = true
  await hub.webhooks.reconsider()
  expect(hub.webhooks.list()).toEqual([])
  await until('told', () => callback.notices.length === 1)
  expect(callback.notices[0]).toMatchObject({ subscription: id })
  expect(callback.notices[0]!.json).toMatchObject({ type: 'terminated', error: { code: -32012, message: 'Forbidden' } })
})

test('47: grants that became narrower count for what is sent from then on; nothing left of them ends it', async () => {
  let grants = ALL_GRANTS
  const hub = await hubWith({ standing: (principal) => ({ ...principal, grants }) })
  const callback = receiver()
  await hub.subscribe(callback.url(), { principal: who('a') })
  await hub.publish('secret', 1)
  await until('the first', () => callback.attempts.length === 1)
  grants = parseGrants({ subscribe: ['open/**'] })
  await hub.webhooks.reconsider()
  await hub.publish('secret', 2)
  await hub.publish('open/1', 3)
  await until('what may be read', () => callback.attempts.length === 2)
  expect(callback.data).toEqual([1, 3])
  grants = parseGrants({ publish: ['**'] })
  await hub.webhooks.reconsider()
  await until('told', () => callback.notices.length === 1)
  expect(callback.notices[0]!.json.error.message).toBe('Forbidden')
})

test('19: hosts that know events only are told neither gap nor end', async () => {
  let revoked = false
  const standing = (principal: Principal) => (revoked ? 'nobody' : principal)
  const hub = await hubWith({ standing, eventsOnly: new Set(['127.0.0.1']) })
  const callback = receiver()
  await hub.subscribe(callback.url(), { principal: who('a') })
  revoked = true
  await hub.webhooks.reconsider()
  expect(hub.webhooks.list()).toEqual([])
  await Bun.sleep(100)
  expect(callback.notices).toEqual([])
})

test('callbacks on this machine that are not allowed any more get nothing, also those of subscriptions that are there, until they are again', async () => {
  const rule = { loopback: true, private: false }
  const hub = await hubWith({ rule })
  const callback = receiver()
  await hub.subscribe(callback.url())
  await hub.publish('a', 1)
  await until('the first', () => callback.attempts.length === 1)
  rule.loopback = false
  await hub.publish('a', 2)
  await until('it to be refused', () => hub.webhooks.list()[0]!.lastError !== null)
  expect(callback.attempts).toHaveLength(1)
  expect(await settled(hub.subscribe(callback.url('/other')))).toThrow()
  rule.loopback = true
  const { id } = hub.webhooks.list()[0]!
  await hub.webhooks.disable(id)
  await hub.webhooks.enable(id)
  await until('the second', () => callback.data.includes(2))
})

test('67: a secret is on the disk only sealed, and opens with no other key', async () => {
  using directory = tempDir()
  const callback = receiver()
  const first = await webhookHub({ directory: directory.path })
  const secret = webhookSecretText()
  await first.subscribe(callback.url(), { secret })
  await first.close()
  const bytes = Buffer.from(await Bun.file(`${directory.path}/webhooks.db`).arrayBuffer())
  expect(bytes.includes(secret.slice(6, 30))).toBe(false)
  expect(bytes.includes(Buffer.from(secret.slice(6), 'base64'))).toBe(false)
  const other = await hubWith({ directory: directory.path, sealKey: new Uint8Array(randomBytes(32)) })
  expect(other.webhooks.list()).toEqual([])
  expect(other.warnings.join('\n')).toContain('cannot be opened')
})

test('a cursor of another log begins anew with what comes from now on, and says that something is missing', async () => {
  using directory = tempDir()
  const callback = receiver()
  const first = await webhookHub({ directory: directory.path })
  await first.subscribe(callback.url())
  await first.publish('t', 1)
  await until('the first', () => callback.attempts.length === 1)
  await first.close()
  for (const file of ['events.db', 'events.db-wal', 'events.db-shm']) {
    await Bun.file(`${directory.path}/${file}`)
      .delete()
      .catch(() => {})
  }
  const hub = await hubWith({ directory: directory.path })
  await until('a gap', () => callback.notices.length === 1)
  await hub.publish('t', 2)
  await until('the next', () => callback.attempts.length === 2)
  expect(callback.data).toEqual([1, 2])
})
