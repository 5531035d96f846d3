import { expect, test } from 'bun:test'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'
import { webhookHub } from '../support/webhook-hub.ts'
import { WebhookReceiver } from '../support/webhook-receiver.ts'

test('every attempt is counted by what became of it, and webhooks by their state', async () => {
  const clock = new ManualClock(Date.now())
  const hub = await webhookHub({ clock })
  let failures = 1
  const callback = new WebhookReceiver({ answer: () => new Response(null, { status: failures-- > 0 ? 503 : 204 }) })
  try {
    const { id } = await hub.subscribe(callback.url())
    await hub.publish('t', 1)
    await until('it waits', () => hub.webhooks.counts().waiting === 1)
    clock.pass(45_000)
    await until('it to be taken', () => hub.webhooks.counts().waiting === 0)
    expect([...hub.hub.metrics.webhookAttempts]).toEqual([
      { labels: ['webhook', 'http_5xx'], count: 1 },
      { labels: ['webhook', 'taken'], count: 1 },
    ])
    expect(hub.webhooks.counts().outlets.webhook).toEqual({ active: 1, suspended: 0, disabled: 0 })
    await hub.webhooks.disable(id)
    expect(hub.webhooks.counts().outlets).toEqual({
      webhook: { active: 0, suspended: 0, disabled: 1 },
      forward: { active: 0, suspended: 0, disabled: 0 },
    })
    // No connection of anybody, though it reads.
    expect(hub.hub.gauges().connections).toEqual({ sse: 0, ndjson: 0, mcp: 0 })
  } finally {
    await hub.close()
    await callback.close()
  }
})
