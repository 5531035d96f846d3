import { afterEach, expect, test } from 'bun:test'
import { bearer } from '../../support/access.ts'
import { configuredKey, keysVariable } from '../../support/configured-key.ts'
import { Executable } from '../../support/executable.ts'
import { writeSettings } from '../../support/reload.ts'
import { expectSecret, registerSecret } from '../../support/secrets.ts'
import { statelessRequest } from '../../support/stateless-hub.ts'
import { until } from '../../support/until.ts'
import { adminKey, WebhookCaller } from '../../support/webhook-executable.ts'
import { webhookSecretText } from '../../support/webhook-hub.ts'
import { WebhookReceiver } from '../../support/webhook-receiver.ts'

let server: Executable | undefined
let receiver: WebhookReceiver
afterEach(async () => {
  await receiver.close()
  await server?.remove()
  server = undefined
})

async function serve(env: Record<string, string> = {}): Promise<Executable> {
  receiver = new WebhookReceiver()
  server = await Executable.serve({ MCP_SSE_WEBHOOKS_ALLOW_LOOPBACK: 'true', ...env })
  return server
}

const FORBIDDEN = { code: -32012, message: 'Forbidden' }

async function modesOf(caller: WebhookCaller): Promise<string[]> {
  return (await caller.ask('events/list')).result.events[0].delivery
}

/** It is not offered, it is refused, and nobody was asked anything. */
async function expectNoWebhooks(caller: WebhookCaller): Promise<void> {
  expect(await modesOf(caller)).toEqual(['push', 'poll'])
  const { error } = await caller.subscribe(receiver.url(), 'orders/**')
  expect(error).toMatchObject(FORBIDDEN)
  const ended = await caller.ask('events/unsubscribe', {
    name: 'topic.event',
    arguments: { topic: 'orders/**' },
    delivery: { mode: 'webhook', url: receiver.url() },
  })
  expect(ended.error).toMatchObject(FORBIDDEN)
  expect(receiver.challenges).toEqual([])
}

test('33: without credentials on loopback, local may have webhooks, also after a restart', async () => {
  const caller = new WebhookCaller(await serve())
  expect(await modesOf(caller)).toEqual(['webhook', 'push', 'poll'])
  const id = await caller.subscribed(receiver.url(), 'orders/**')
  await caller.publish('orders/1', 'first')
  // Taken is what the hub knows of: else it is sent again, which is not what this is about.
  await until('the first', async () => (await caller.json('/webhooks')).webhooks[0].delivered === 1)
  expect(await server!.kill('SIGTERM')).toBe(0)
  await server!.start()
  await caller.publish('orders/1', 'second')
  await until('the second', () => receiver.data.length === 2)
  expect([receiver.data, receiver.challenges.length]).toEqual([['first', 'second'], 1])
  expect((await caller.json('/webhooks')).webhooks).toMatchObject([{ id, principal: 'local' }])
})

test('33: a key ends the webhooks of local: what was made while everybody could is not kept', async () => {
  const caller = new WebhookCaller(await serve())
  await caller.subscribed(receiver.url(), 'orders/**')
  await server!.kill('SIGTERM')
  const key = adminKey()
  writeSettings(server!, key)
  await server!.start()
  await until('it to be told', () => receiver.notices.length === 1)
  expect(receiver.notices[0]!.json).toMatchObject({ type: 'terminated', error: FORBIDDEN })
  const keyed = new WebhookCaller(server!, key.text)
  expect((await keyed.json('/webhooks')).webhooks).toEqual([])
  await keyed.publish('orders/1', 'nobody hears of it')
  await keyed.subscribed(receiver.url('/other'), 'orders/**')
  await keyed.publish('orders/1', 'the new one does')
  await until('the new one', () => receiver.data.length > 0)
  expect(receiver.attempts.map(({ path, json }) => [path, json.data.data])).toEqual([['/other', 'the new one does']])
})

test('33: with --auth-open nobody has webhooks', async () => {
  await expectNoWebhooks(new WebhookCaller(await serve({ MCP_SSE_AUTH_OPEN: 'true' })))
})

test('33: who may read without a credential may not leave anything behind', async () => {
  const key = adminKey()
  await serve({
    MCP_SSE_AUTH_KEYS: keysVariable(key),
    MCP_SSE_AUTH_ANONYMOUS_SUBSCRIBE: '**',
  })
  await expectNoWebhooks(new WebhookCaller(server!))
  expect(await modesOf(new WebhookCaller(server!, key.text))).toEqual(['webhook', 'push', 'poll'])
})

test('33: a ticket may not, whoever it is of', async () => {
  const key = configuredKey('reader', { subscribe: ['**'] })
  await serve({ MCP_SSE_AUTH_KEYS: keysVariable(key) })
  const asked = { method: 'POST', headers: bearer(key.text), body: JSON.stringify({ topics: ['**'] }) }
  const answer = expectSecret(await fetch(`${server!.url}/tickets`, asked))
  expect(answer.status).toBe(201)
  const ticket = registerSecret(((await answer.json()) as { ticket: string }).ticket, 'a ticket')
  // It counts for streams only: not as a bearer, and not in the query.
  expect((await new WebhookCaller(server!, ticket).fetch('/mcp', { method: 'POST', body: '{}' })).status).toBe(401)
  const inQuery = statelessRequest('events/subscribe', {
    name: 'topic.event',
    arguments: { topic: '**' },
    delivery: { mode: 'webhook', url: receiver.url(), secret: webhookSecretText() },
  })
  expect((await fetch(`${server!.url}/mcp?ticket=${ticket}`, inQuery)).status).toBe(401)
  expect(receiver.challenges).toEqual([])
})

test('33: without a credential where one is needed, it is a 401 before anything of MCP', async () => {
  await serve({ MCP_SSE_AUTH_KEYS: keysVariable(adminKey()) })
  const caller = new WebhookCaller(server!)
  const refused = await caller.fetch('/mcp', { method: 'POST', body: '{}' })
  expect(refused.status).toBe(401)
  expect(refused.headers.get('www-authenticate')).toStartWith('Bearer')
  expect(receiver.challenges).toEqual([])
})
