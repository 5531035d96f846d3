import { afterEach, expect, test } from 'bun:test'
import type { Forward } from '../../../src/webhooks/forward/forwards.ts'
import { configuredForward } from '../../support/configured-forward.ts'
import { DifficultStore } from '../../support/difficult-store.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { rejection } from '../../support/settled.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'
import { type WebhookHub, webhookHub } from '../../support/webhook-hub.ts'
import { WebhookReceiver } from '../../support/webhook-receiver.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

function receiving(answer?: ConstructorParameters<typeof WebhookReceiver>[0]): WebhookReceiver {
  const receiver = new WebhookReceiver(answer)
  open.push(receiver)
  return receiver
}

async function hubWith(options: Parameters<typeof webhookHub>[0]): Promise<WebhookHub> {
  const hub = await webhookHub(options)
  open.push(hub)
  return hub
}

const change = async (hub: WebhookHub, ...forwards: Forward[]) => (await hub.webhooks.prepareForwards(forwards))()
const texts = (receiver: WebhookReceiver) => receiver.attempts.map(({ json }) => json.text)
const sent = (receiver: WebhookReceiver, count: number) =>
  until(`${count} attempts`, () => receiver.attempts.length >= count)

test('a forward that is added while the hub runs is sent what comes from then on, and goes on after a restart', async () => {
  using dir = tempDir()
  const receiver = receiving()
  const forward = configuredForward(receiver.url())
  const first = await webhookHub({ directory: dir.path })
  await first.publish('alerts/a', 0)
  await change(first, forward)
  await first.publish('alerts/a', 1)
  await sent(receiver, 1)
  await first.close()
  const second = await hubWith({ directory: dir.path, forwards: [forward] })
  await second.publish('alerts/a', 2)
  await sent(receiver, 2)
  expect(texts(receiver)).toEqual(['alerts/a: 1', 'alerts/a: 2'])
})

test('one that is taken out stops, what is under way of it ends, and it begins anew when it comes back', async () => {
  const taken = Promise.withResolvers<void>()
  const receiver = receiving({ answer: () => taken.promise.then(() => new Response('ok')) })
  const forward = configuredForward(receiver.url())
  const hub = await hubWith({ forwards: [forward] })
  await hub.publish('alerts/a', 1, 2, 3)
  await sent(receiver, 1)
  await change(hub)
  expect(hub.webhooks.list()).toEqual([])
  taken.resolve()
  await hub.publish('alerts/a', 4)
  await change(hub, forward)
  await hub.publish('alerts/a', 5)
  await sent(receiver, 2)
  expect(texts(receiver)).toEqual(['alerts/a: 1', 'alerts/a: 5'])
})

test('one that is changed keeps its place: what waited because its receiver was down goes to the new URL at once', async () => {
  const [down, up] = [receiving({ answer: () => new Response('no', { status: 503 }) }), receiving()]
  // A clock that stands still: what is to be tried again after a pause is not.
  const hub = await hubWith({ clock: new ManualClock(), forwards: [configuredForward(down.url())] })
  for (let index = 1; index <= 20; index++) await hub.publish('alerts/a', index)
  await until('it to rest', () => hub.webhooks.show('forward:chat').attempts.length === 4)
  await change(hub, configuredForward(up.url(), { body: '{"text": "{{data}}"}' }))
  await until('all of them', () => hub.webhooks.list()[0]!.behind === 0)
  expect(new Set(texts(up))).toEqual(new Set(Array.from({ length: 20 }, (_, index) => index + 1)))
  expect(hub.webhooks.list()[0]).toMatchObject({ id: 'forward:chat', behind: 0, state: 'active' })
})

test('one whose topics are changed is sent the new ones from its place on', async () => {
  const receiver = receiving()
  const hub = await hubWith({ forwards: [configuredForward(receiver.url())] })
  await hub.publish('alerts/a', 1)
  await sent(receiver, 1)
  await hub.publish('other', 2)
  await change(hub, configuredForward(receiver.url(), { topics: ['other'] }))
  await hub.publish('alerts/a', 3)
  await hub.publish('other', 4)
  await until('the last', () => texts(receiver).includes('other: 4'))
  expect(texts(receiver)).not.toContain('alerts/a: 3')
  expect(hub.webhooks.list()[0]!.wants).toBe('other')
})

test('more of one may be under way when it is changed to, and fewer', async () => {
  let most = 0
  const held: (() => void)[] = []
  const receiver = receiving({
    answer: () => {
      most = Math.max(most, hub.sending)
      return new Promise((resolve) => held.push(() => resolve(new Response('ok'))))
    },
  })
  const hub: WebhookHub = await hubWith({ forwards: [configuredForward(receiver.url())] })
  const twenty = async (atOnce: number) => {
    await change(hub, configuredForward(receiver.url(), { atOnce }))
    most = 0
    await hub.publish('alerts/a', ...Array.from({ length: 20 }, (_, index) => index))
    for (let left = 20; left > 0; ) {
      // None is answered before there are as many as there may be.
      await until(`${atOnce} under way`, () => held.length >= Math.min(atOnce, left))
      left -= held.length
      for (const answer of held.splice(0)) answer()
    }
    await until('the last to be taken', () => hub.webhooks.list()[0]!.behind === 0)
    return most
  }
  expect(await twenty(1)).toBe(1)
  expect(await twenty(4)).toBe(4)
  expect(await twenty(1)).toBe(1)
})

test('others go on as they are, with the attempts that are under way', async () => {
  const taken = Promise.withResolvers<void>()
  const receiver = receiving({ answer: () => taken.promise.then(() => new Response('ok')) })
  const steady = configuredForward(receiver.url('/steady'), { name: 'steady' })
  const hub = await hubWith({ forwards: [steady] })
  await hub.publish('alerts/a', 1)
  await sent(receiver, 1)
  await change(hub, configuredForward(receiver.url('/steady'), { name: 'steady' }), configuredForward(receiver.url()))
  taken.resolve()
  await until('it to be taken', () => hub.webhooks.show('forward:steady').delivered === 1)
  expect(receiver.attempts.filter(({ path }) => path === '/steady')).toHaveLength(1)
})

test('none of them changes when a new one cannot be written down', async () => {
  const difficult = new DifficultStore()
  const receiver = receiving()
  const hub = await hubWith({ forwards: [configuredForward(receiver.url('/one'))], storeOf: difficult.over })
  difficult.full.add('put')
  const added = [configuredForward(receiver.url('/two')), configuredForward(receiver.url(), { name: 'new' })]
  expect(await rejection(hub.webhooks.prepareForwards(added))).toMatchObject({ code: 'disk-full' })
  await hub.publish('alerts/a', 1)
  await sent(receiver, 1)
  expect(receiver.attempts[0]!.path).toBe('/one')
  expect(hub.webhooks.list().map(({ id }) => id)).toEqual(['forward:chat'])
})
