/**
 * A hub in memory with webhook subscriptions, each for a topic of its own, in a process of its own.
 *
 *   bun one-of-many.ts SUBSCRIPTIONS
 *
 * Prints `ready`. For each line it reads it publishes 2,000 events that one of them wants each, the next when the last was
 * taken by a receiver that is not there (nothing is sent), and prints the microseconds that one of them cost.
 */
import { LOCAL } from '../../src/core/principal.ts'
import { until } from '../../test/support/until.ts'
import { SKETCH, webhookHub, webhookSecretText } from '../../test/support/webhook-hub.ts'

const PUBLISHES = 2000

const subscriptions = Number(process.argv[2])
let taken: (() => void) | undefined
const outbound = {
  post: async ({ body }: { body: string }) => {
    taken?.()
    return { kind: 'answered' as const, status: 200, body: Buffer.from(body), retryAfterMs: undefined }
  },
  close: () => {},
}
const { hub, webhooks, publish } = await webhookHub({
  outbound,
  limits: { webhooks: 20_000, webhooksPerPrincipal: 20_000 },
})
const secret = webhookSecretText()
const { signal } = new AbortController()
for (let index = 0; index < subscriptions; index++) {
  await webhooks.subscribe({
    principal: LOCAL,
    // One callback for all, which proves itself once.
    url: 'http://127.0.0.1:9/',
    secret,
    name: 'topic.event',
    arguments: { topic: `topic/${index}` },
    cursor: null,
    maxAgeMs: undefined,
    ttlMs: undefined,
    numbers: SKETCH,
    signal,
  })
}
await until('all to be subscribed', () => hub.audiences >= subscriptions)
console.log('ready')
for await (const _ of console) {
  const before = process.cpuUsage()
  for (let count = 0; count < PUBLISHES; count++) {
    const { promise, resolve } = Promise.withResolvers<void>()
    taken = resolve
    await publish(`topic/${count % 10}`, count)
    await promise
  }
  const { user, system } = process.cpuUsage(before)
  console.log((user + system) / PUBLISHES)
}
process.exit(0)
