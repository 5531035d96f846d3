import { afterEach, expect, test } from 'bun:test'
import { configuredForward } from '../../support/configured-forward.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'
import { webhookHub } from '../../support/webhook-hub.ts'
import { WebhookReceiver } from '../../support/webhook-receiver.ts'

const open: { close(): Promise<void> }[] = []

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

function forwardTo(...of: Parameters<typeof configuredForward>) {
  return [configuredForward(...of)]
}

test('a forward gets what its pattern matches, in order, one after another', async () => {
  let underWay = 0
  let most = 0
  const receiver = new WebhookReceiver({
    answer: async () => {
      most = Math.max(most, ++underWay)
      await Bun.sleep(1)
      underWay--
      return new Response('ok')
    },
  })
  const hub = await webhookHub({ forwards: forwardTo(receiver.url()) })
  open.push(receiver, hub)
  for (let index = 0; index < 100; index++) await hub.publish(index % 2 ? 'alerts/disk' : 'other', index)
  await until('the odd ones', () => hub.webhooks.list()[0]!.delivered === 50)
  expect(receiver.attempts.map(({ json }) => json.text)).toEqual(
    Array.from({ length: 50 }, (_, index) => `alerts/disk: ${2 * index + 1}`),
  )
  expect(most).toBe(1)
  expect(hub.webhooks.list()[0]).toMatchObject({ id: 'forward:chat', kind: 'forward', behind: 0 })
})

test('what was published while the hub was down, or its receiver was, comes after the start', async () => {
  using directory = tempDir()
  const clock = new ManualClock(Date.now())
  const receiver = new WebhookReceiver({ answer: () => new Response(null, { status: 502 }) })
  open.push(receiver)
  const forwards = forwardTo(receiver.url())
  const first = await webhookHub({ clock, directory: directory.path, forwards })
  await first.publish('alerts/a', 1, 2, 3)
  await until('it is tried', () => receiver.attempts.length >= 1)
  await first.close()
  const without = await webhookHub({
    clock,
    directory: directory.path,
    forwards: forwardTo(receiver.url('/b'), { name: 'b' }),
  })
  expect(without.webhooks.list().map(({ id }) => id)).toEqual(['forward:b'])
  await without.close()
  const hub = await webhookHub({
    clock,
    directory: directory.path,
    forwards: forwardTo(receiver.url('/b'), { name: 'b' }),
  })
  open.push(hub)
  receiver.answer = () => new Response('ok')
  await hub.publish('alerts/a', 4)
  await until('all for it', () => receiver.attempts.some(({ json }) => json.text === 'alerts/a: 4'))
})

test('a forward that was taken out of the configuration is forgotten, and begins anew when it comes back', async () => {
  using directory = tempDir()
  const receiver = new WebhookReceiver()
  open.push(receiver)
  const forwards = forwardTo(receiver.url())
  const first = await webhookHub({ directory: directory.path, forwards })
  await first.publish('alerts/a', 1)
  await until('the first', () => receiver.attempts.length === 1)
  await first.close()
  const without = await webhookHub({ directory: directory.path })
  await without.publish('alerts/a', 2)
  expect(without.webhooks.list()).toEqual([])
  await without.close()
  const hub = await webhookHub({ directory: directory.path, forwards })
  open.push(hub)
  await hub.publish('alerts/a', 3)
  await until('the third', () => receiver.attempts.length === 2)
  expect(receiver.attempts.map(({ json }) => json.text)).toEqual(['alerts/a: 1', 'alerts/a: 3'])
})

test('an event too large for its template is given up and counted, and the operator reads of it', async () => {
  const receiver = new WebhookReceiver()
  const forwards = forwardTo(receiver.url(), { body: '{"text": "{{data}}{{data}}"}' })
  const hub = await webhookHub({ forwards })
  open.push(receiver, hub)
  await hub.publish('alerts/a', 'x'.repeat(200_000), 'small')
  await until('the small one to be taken', () => hub.webhooks.list()[0]!.behind === 0)
  expect(receiver.attempts).toHaveLength(1)
  expect(hub.webhooks.list()[0]).toMatchObject({ abandoned: 1, delivered: 1, behind: 0, lastError: null })
  expect(hub.warnings.join('\n')).toContain('forward:chat missed events')
})
