import type { StoredEvent } from '../../src/core/event.ts'
import { HttpOutbound } from '../../src/webhooks/outbound/http-outbound.ts'
import type { Plan } from '../../src/webhooks/plan.ts'
import { signatureHeaders } from '../../src/webhooks/secret/signature.ts'

/** Sends what a plan makes of an event, as one attempt does. @returns the status of the answer */
export async function forwarded(plan: Plan, event: StoredEvent, now = Date.now()): Promise<number> {
  const message = plan.message(event, `${event.epoch}.${event.offset}`)
  if (message === undefined || message === 'too-large') throw new Error(`There is nothing to send: ${message}`)
  const { id, body, headers } = message
  const outbound = new HttpOutbound()
  try {
    const outcome = await outbound.post({
      url: plan.url,
      rule: plan.rule,
      headers: { ...headers, ...signatureHeaders({ id, body, keys: plan.keys(now), now }) },
      body,
      timeoutMs: 5_000,
      readBytes: 1_024,
    })
    if (outcome.kind === 'failed') throw new Error(outcome.failure)
    return outcome.status
  } finally {
    outbound.close()
  }
}
