import { expect, test } from 'bun:test'
import { LOCAL } from '../../../src/core/principal.ts'
import { openOutlets } from '../../../src/storage/open.ts'
import { QuotaRefusal } from '../../../src/webhooks/refusals.ts'
import { DifficultStore } from '../../support/difficult-store.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { settled } from '../../support/settled.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'
import { webhookFixtures } from '../../support/webhook-fixtures.ts'
import { webhookHub, webhookSecretText } from '../../support/webhook-hub.ts'
import type { WebhookReceiver } from '../../support/webhook-receiver.ts'

const { hubWith, receiver } = webhookFixtures()

const keyOf = (callback: WebhookReceiver, path?: string) => ({
  principal: LOCAL.id,
  url: callback.url(path),
  name: 'topic.event',
  arguments: { topic: '**' },
})

async function rowsIn(directory: string) {
  const store = await openOutlets({ durability: 'full', directory, warn: () => {} })
  const { outlets } = store
  await store.close()
  return outlets
}

test('a refresh writes what waits for another attempt before the place that is after it', async () => {
  const clock = new ManualClock(Date.now())
  const disk = new DifficultStore()
  const hub = await hubWith({ clock, storeOf: disk.over })
  const callback = receiver({ answer: () => new Response(null, { status: 500 }) })
  const secret = webhookSecretText()
  const { id } = await hub.subscribe(callback.url(), { secret })
  await hub.publish('t', 1)
  await until('it waits', () => hub.webhooks.list()[0]!.waiting === 1)
  disk.calls.length = 0
  await hub.subscribe(callback.url(), { secret })
  expect(disk.calls).toEqual([
    { what: 'record', ids: [id] },
    { what: 'put', ids: [id] },
  ])
})

test('a refresh, and the process gone at once: what waited is tried again after the start', async () => {
  using directory = tempDir()
  using copy = tempDir()
  const clock = new ManualClock(Date.now())
  const disk = new DifficultStore()
  const hub = await hubWith({ clock, directory: directory.path, storeOf: disk.over })
  const callback = receiver({ answer: () => new Response(null, { status: 500 }) })
  const secret = webhookSecretText()
  await hub.subscribe(callback.url(), { secret })
  await hub.publish('t', 1)
  await until('it waits', () => hub.webhooks.list()[0]!.waiting === 1)
  // As a process that ends here leaves it: the manual clock lets nothing else be recorded.
  await hub.subscribe(callback.url(), { secret })
  const { outlets } = await copied(directory.path, copy.path)
  expect(outlets.map(({ waiting }) => waiting.length)).toEqual([1])
})

async function copied(from: string, to: string) {
  for (const file of ['webhooks.db', 'webhooks.db-wal']) {
    const source = Bun.file(`${from}/${file}`)
    if (await source.exists()) await Bun.write(`${to}/${file}`, source)
  }
  return { outlets: await rowsIn(to) }
}

test('an unsubscribe that could not be written is none: asked again it is tried again, and by itself every ten seconds', async () => {
  for (const again of ['asked', 'by itself'] as const) {
    using directory = tempDir()
    const clock = new ManualClock(Date.now())
    const disk = new DifficultStore()
    const hub = await webhookHub({ clock, directory: directory.path, storeOf: disk.over })
    const callback = receiver()
    await hub.subscribe(callback.url(), { ttlMs: null })
    disk.full.add('remove')
    const key = keyOf(callback)
    expect(await hub.webhooks.unsubscribe(key).catch((error) => error)).toMatchObject({ code: 'disk-full' })
    expect(hub.webhooks.list()).toEqual([])
    expect(await hub.webhooks.unsubscribe(key).catch((error) => error)).toMatchObject({ code: 'disk-full' })
    disk.full.clear()
    if (again === 'asked') {
      expect(await hub.webhooks.unsubscribe(key)).toBe(true)
      expect(await hub.webhooks.unsubscribe(key)).toBe(false)
    } else clock.pass(10_000)
    await hub.close()
    expect(await rowsIn(directory.path)).toEqual([])
  }
})

test('what could not be removed takes a place until it is gone', async () => {
  const clock = new ManualClock(Date.now())
  const disk = new DifficultStore()
  const hub = await hubWith({ clock, storeOf: disk.over, limits: { webhooks: 1, webhooksPerPrincipal: 1 } })
  const callback = receiver()
  await hub.subscribe(callback.url('/1'))
  disk.full.add('remove')
  await hub.webhooks.unsubscribe(keyOf(callback, '/1')).catch(() => {})
  expect(await hub.subscribe(callback.url('/2')).catch((error) => error)).toBeInstanceOf(QuotaRefusal)
  disk.full.clear()
  clock.pass(10_000)
  await until('there is room', () =>
    hub.subscribe(callback.url('/2')).then(
      () => true,
      () => false,
    ),
  )
})

test('one that is made again over what could not be removed is not removed, and has nothing of the old one', async () => {
  using directory = tempDir()
  const clock = new ManualClock(Date.now())
  const disk = new DifficultStore()
  const hub = await webhookHub({ clock, directory: directory.path, storeOf: disk.over })
  const callback = receiver({ answer: () => new Response(null, { status: 500 }) })
  const { id } = await hub.subscribe(callback.url())
  await hub.publish('t', 1)
  await until('it waits', () => hub.webhooks.list()[0]!.waiting === 1)
  clock.pass(100)
  await until('that is recorded', () => disk.calls.some(({ what }) => what === 'record'))
  disk.full.add('remove')
  await hub.webhooks.unsubscribe(keyOf(callback)).catch(() => {})
  disk.full.clear()
  await hub.subscribe(callback.url())
  clock.pass(10_000)
  expect(hub.webhooks.list()).toHaveLength(1)
  await hub.close()
  expect((await rowsIn(directory.path)).map(({ id, waiting }) => ({ id, waiting }))).toEqual([{ id, waiting: [] }])
})

test('a refresh that is being written when the old end passes came in time', async () => {
  using directory = tempDir()
  const clock = new ManualClock(Date.now())
  const disk = new DifficultStore()
  const hub = await webhookHub({ clock, directory: directory.path, storeOf: disk.over })
  const callback = receiver()
  const { id } = await hub.subscribe(callback.url(), { ttlMs: 60_000 })
  clock.pass(59_000)
  disk.afterPut = () => clock.pass(2000)
  await hub.subscribe(callback.url(), { ttlMs: 3_600_000 })
  clock.pass(1000)
  expect(hub.webhooks.list().map((each) => each.id)).toEqual([id])
  await hub.close()
  expect((await rowsIn(directory.path)).map((each) => each.id)).toEqual([id])
})

test('a refresh that could not be written leaves the end as it was', async () => {
  const clock = new ManualClock(Date.now())
  const disk = new DifficultStore()
  const hub = await hubWith({ clock, storeOf: disk.over })
  const callback = receiver()
  await hub.subscribe(callback.url(), { ttlMs: 60_000 })
  disk.full.add('put')
  expect(await settled(hub.subscribe(callback.url(), { ttlMs: 3_600_000 }))).toThrow('full')
  expect(hub.webhooks.list()).toHaveLength(1)
  clock.pass(61_000)
  expect(hub.webhooks.list()).toEqual([])
})
