import { afterEach } from 'bun:test'
import { type WebhookHub, type WebhookHubOptions, webhookHub } from './webhook-hub.ts'
import { WebhookReceiver, type WebhookReceiverOptions } from './webhook-receiver.ts'

/** Hubs and callbacks of one test file, closed after each of its tests, the newest first. */
export function webhookFixtures() {
  const open: { close(): Promise<void> }[] = []
  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close()
  })
  return {
    async hubWith(options?: WebhookHubOptions): Promise<WebhookHub> {
      const hub = await webhookHub(options)
      open.push(hub)
      return hub
    },
    receiver(options?: WebhookReceiverOptions): WebhookReceiver {
      const made = new WebhookReceiver(options)
      open.push(made)
      return made
    },
    /** To be closed with the others. */
    keep(hub: WebhookHub): void {
      open.push(hub)
    },
  }
}
