import { afterEach, expect, test } from 'bun:test'
import { Access } from '../../../src/auth/access.ts'
import { ALL_GRANTS, parseGrants } from '../../../src/core/grants.ts'
import type { Principal } from '../../../src/core/principal.ts'
import type { Standing } from '../../../src/webhooks/subscription/judgement.ts'
import { openSettings } from '../../support/access.ts'
import { tokenSettings } from '../../support/authority.ts'
import { DifficultStore } from '../../support/difficult-store.ts'
import { Issuer, signingKey } from '../../support/issuer.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { settled } from '../../support/settled.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'
import { type WebhookHub, type WebhookHubOptions, webhookHub, webhookSecretText } from '../../support/webhook-hub.ts'
import { WebhookReceiver } from '../../support/webhook-receiver.ts'

const open: { close(): Promise<void> }[] = []

async function hubWith(options?: WebhookHubOptions): Promise<WebhookHub> {
  const hub = await webhookHub(options)
  open.push(hub)
  return hub
}

function receiver(): WebhookReceiver {
  const made = new WebhookReceiver()
  open.push(made)
  return made
}

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const who = (more: Partial<Principal> = {}): Principal => ({
  id: 'a',
  grants: ALL_GRANTS,
  expires: undefined,
  credential: 'credential of a',
  limited: false,
  ...more,
})

/** Rows of subscriptions, as the next start would find them. */
async function rowsIn(directory: string): Promise<string[]> {
  const { openOutlets } = await import('../../../src/storage/open.ts')
  const store = await openOutlets({ durability: 'full', directory, warn: () => {} })
  const ids = store.outlets.map(({ id }) => id)
  await store.close()
  return ids
}

for (const kind of ['new', 'refreshed'] as const) {
  test(`a subscription that is being ${kind} when its key is revoked ends, in memory and on disk`, async () => {
    using directory = tempDir()
    const disk = new DifficultStore()
    let revoked = false
    const hub = await webhookHub({
      directory: directory.path,
      storeOf: disk.over,
      standing: (principal) => (revoked ? 'nobody' : principal),
    })
    const callback = receiver()
    if (kind === 'refreshed') await hub.subscribe(callback.url(), { principal: who() })
    disk.afterPut = async () => {
      revoked = true
      await hub.webhooks.reconsider()
    }
    const refused = await hub.subscribe(callback.url(), { principal: who() }).catch((error) => error)
    expect(refused).toMatchObject({ code: 'forbidden' })
    expect(hub.webhooks.list()).toEqual([])
    await hub.publish('t', 'after')
    await Bun.sleep(50)
    expect(callback.attempts).toEqual([])
    await hub.close()
    expect(await rowsIn(directory.path)).toEqual([])
  })
}

test('one whose grants are narrowed while it is written has the narrow ones, in memory and on disk', async () => {
  const disk = new DifficultStore()
  let grants = ALL_GRANTS
  const hub = await hubWith({ storeOf: disk.over, standing: (principal) => ({ ...principal, grants }) })
  const callback = receiver()
  disk.afterPut = async () => {
    grants = parseGrants({ subscribe: ['open/**'] })
    await hub.webhooks.reconsider()
  }
  await hub.subscribe(callback.url(), { principal: who() })
  await hub.publish('secret', 1)
  await hub.publish('open/1', 2)
  await until('what may be read', () => callback.attempts.length > 0)
  expect(callback.data).toEqual([2])
  expect(disk.puts).toHaveLength(2)
  expect(JSON.parse(disk.puts[1]!.definition).principal.grants.subscribe).toEqual(['open/**'])
})

test('a refresh that cannot be written while its key is revoked leaves nothing that runs', async () => {
  const disk = new DifficultStore()
  let revoked = false
  const hub = await hubWith({ storeOf: disk.over, standing: (principal) => (revoked ? 'nobody' : principal) })
  const callback = receiver()
  await hub.subscribe(callback.url(), { principal: who() })
  disk.afterPut = async () => {
    revoked = true
    await hub.webhooks.reconsider()
    throw new Error('the disk is gone')
  }
  expect(await settled(hub.subscribe(callback.url(), { principal: who() }))).toThrow('the disk is gone')
  expect(hub.webhooks.list()).toEqual([])
})

test('a store that refuses keeps no subscription of a revoked key alive, and its rows go when it takes again', async () => {
  using directory = tempDir()
  const clock = new ManualClock(Date.now())
  const disk = new DifficultStore()
  let revoked = false
  const hub = await webhookHub({
    clock,
    directory: directory.path,
    storeOf: disk.over,
    standing: (principal) => (revoked ? 'nobody' : principal),
  })
  const callback = receiver()
  for (let index = 0; index < 5; index++) await hub.subscribe(callback.url(`/${index}`), { principal: who() })
  disk.full.add('remove')
  revoked = true
  await hub.webhooks.reconsider()
  expect(hub.webhooks.list()).toEqual([])
  await until('it is reported', () => hub.reports.length > 0)
  expect(disk.calls.filter(({ what }) => what === 'remove')).toHaveLength(1)
  disk.full.clear()
  clock.pass(10_000)
  await hub.close()
  expect(await rowsIn(directory.path)).toEqual([])
})

test('one that cannot be judged is reported, and the others are judged all the same', async () => {
  let revoked = false
  const hub = await hubWith({
    standing: (principal) => {
      if (revoked && principal.id === 'a') throw new Error('a fault of the hub')
      return revoked ? 'nobody' : principal
    },
  })
  const callback = receiver()
  await hub.subscribe(callback.url(), { principal: who() })
  await hub.subscribe(callback.url(), { principal: who({ id: 'b' }) })
  revoked = true
  await hub.webhooks.reconsider()
  expect(hub.webhooks.list().map(({ principal }) => principal)).toEqual(['a'])
  expect(String(hub.reports[0])).toContain('a fault of the hub')
  revoked = false
})

test('a key that is given an end takes its subscriptions along then, also after a restart', async () => {
  using directory = tempDir()
  const clock = new ManualClock(Date.now())
  const callback = receiver()
  let expires: number | undefined
  const standing = (principal: Principal): Standing => ({ ...principal, expires })
  const first = await webhookHub({ clock, directory: directory.path, standing })
  await first.subscribe(callback.url(), { principal: who(), ttlMs: null })
  expect(first.webhooks.list()[0]!.expires).toBeNull()
  expires = clock.now() + 600_000
  await first.webhooks.reconsider()
  expect(Date.parse(first.webhooks.list()[0]!.expires!)).toBe(expires)
  await first.close()
  // What was stored: who it is cannot be known.
  const second = await webhookHub({ clock, directory: directory.path, standing: () => 'unknown' })
  expect(Date.parse(second.webhooks.list()[0]!.expires!)).toBe(expires)
  await second.close()
  expires -= 300_000
  const third = await hubWith({ clock, directory: directory.path, standing })
  expect(Date.parse(third.webhooks.list()[0]!.expires!)).toBe(expires)
  clock.pass(301_000)
  expect(third.webhooks.list()).toEqual([])
})

test('a start asks nobody about those who are unknown; soon after it one question is asked for all, then one a minute', async () => {
  using directory = tempDir()
  const clock = new ManualClock(Date.now())
  const callback = receiver()
  const first = await webhookHub({ clock, directory: directory.path })
  for (let index = 0; index < 20; index++) await first.subscribe(callback.url(`/${index}`), { principal: who() })
  await first.close()
  let asked = 0
  let answer = (): void => {}
  let known: Standing = 'unknown'
  const hub = await hubWith({
    clock,
    directory: directory.path,
    standing: () => known,
    inquire: () => {
      asked++
      return new Promise((resolve) => (answer = resolve))
    },
  })
  expect(asked).toBe(0)
  expect(hub.webhooks.list()).toHaveLength(20)
  clock.pass(1000)
  expect(asked).toBe(1)
  // A question that nobody answers is not asked again.
  for (let minute = 0; minute < 3; minute++) clock.pass(60_000)
  expect(asked).toBe(1)
  answer()
  await until('it is asked again', () => {
    clock.pass(60_000)
    return asked > 1
  })
  expect(asked).toBe(2)
  known = 'nobody'
  answer()
  await until('they ended', () => hub.webhooks.list().length === 0)
  clock.pass(60_000)
  expect(asked).toBe(2)
})

test('an issuer that hangs does not hold up the start, and is asked once for all subscriptions of tokens', async () => {
  using directory = tempDir()
  await using issuer = new Issuer(await signingKey('1'))
  const hanging = Promise.withResolvers<Response>()
  issuer.answer = () => hanging.promise
  const clock = new ManualClock(Date.now())
  const callback = receiver()
  const first = await webhookHub({ clock, directory: directory.path })
  const principal = who({ credential: 'jwk:of a key of before', expires: clock.now() + 3_600_000 })
  for (let index = 0; index < 10; index++) await first.subscribe(callback.url(`/${index}`), { principal })
  await first.close()
  const settings = { ...openSettings, tokens: tokenSettings({ jwks: issuer.url, audience: 'hub' }) }
  const access = new Access(settings, { now: () => clock.now(), report: () => {} })
  const hub = await hubWith({
    clock,
    directory: directory.path,
    standing: (stored) => access.standing(stored),
    inquire: () => access.inquire(),
  })
  expect(issuer.requests).toBe(0)
  await hub.publish('t', 1)
  await until('it goes on as it was', () => callback.attempts.length === 10)
  clock.pass(1000)
  await until('it is asked', () => issuer.requests === 1)
  hanging.resolve(Response.json({ keys: issuer.keys.map((key) => key.publicJwk) }))
  await until('that key is none of its keys', () => hub.webhooks.list().length === 0)
  expect(issuer.requests).toBe(1)
})

test('subscribing with a credential that stays unknown is refused as such, once somebody was asked', async () => {
  let asked = 0
  const hub = await hubWith({
    standing: () => 'unknown',
    inquire: async () => void asked++,
  })
  const refused = await hub.subscribe(receiver().url(), { principal: who() }).catch((error) => error)
  expect(refused).toMatchObject({ code: 'issuer-unavailable' })
  expect(asked).toBe(1)
})

test('of many subscriptions 50 at most are judged, or restored, in one turn of the event loop', async () => {
  using directory = tempDir()
  let inTurn = 0
  let most = 0
  let judged = 0
  class TurningClock extends ManualClock {
    override async yield(): Promise<void> {
      await super.yield()
      inTurn = 0
    }
  }
  const clock = new TurningClock(Date.now())
  const standing = (principal: Principal): Standing => {
    judged++
    most = Math.max(most, ++inTurn)
    return principal
  }
  const begin = (): void => {
    inTurn = most = judged = 0
  }
  const callback = receiver()
  const secret = webhookSecretText()
  const first = await webhookHub({ clock, directory: directory.path, standing })
  for (let index = 0; index < 201; index++) {
    await first.subscribe(callback.url(), { principal: who(), secret, arguments: { topic: `t/${index}` } })
  }
  begin()
  await first.webhooks.reconsider()
  expect({ judged, most }).toEqual({ judged: 201, most: 50 })
  await first.close()
  begin()
  const hub = await hubWith({ clock, directory: directory.path, standing })
  expect(hub.webhooks.list()).toHaveLength(201)
  expect({ judged, most }).toEqual({ judged: 201, most: 50 })
})
