import type { Configure } from './verb.ts'
import { configureWebhooksDisable, configureWebhooksEnable } from './webhooks/disable.ts'
import { configureWebhooksList } from './webhooks/list.ts'
import { configureWebhooksListen } from './webhooks/listen.ts'
import { configureWebhooksRedeliver } from './webhooks/redeliver.ts'
import { configureWebhooksShow } from './webhooks/show.ts'

export const configureWebhooks: Configure = (command, io, finish) => {
  const verb = (synopsis: string, summary: string, configure: Configure) =>
    configure(command.command(synopsis).description(summary), io, finish)
  verb('list', 'List webhook subscriptions and forwards', configureWebhooksList)
  verb('show <id>', 'Show one of them with its last attempts', configureWebhooksShow)
  verb('disable <id>', 'Send it nothing until it is enabled', configureWebhooksDisable)
  verb('enable <id>', 'Send it again what it is to get', configureWebhooksEnable)
  verb('redeliver <id>', 'Send it an event once more, or all after a cursor', configureWebhooksRedeliver)
  verb('listen', 'Receive webhooks on this machine, verify and print them', configureWebhooksListen)
}
