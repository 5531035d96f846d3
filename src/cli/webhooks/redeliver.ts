import type { Redelivery } from '../../webhooks/summary.ts'
import { addHubFlags, hubClient } from '../client/hub-client.ts'
import { plain } from '../display.ts'
import { DONE } from '../exit.ts'
import { usageFailure } from '../failure.ts'
import type { Configure } from '../verb.ts'
import { askOutlet } from './outlet.ts'

interface RedeliverOptions {
  url?: string
  event?: string
  after?: string
  json?: true
}

const EXAMPLES = `
Examples:
  mcp-sse webhooks redeliver forward:chat --event k3f9a2b7.1042
  mcp-sse webhooks redeliver forward:chat --after k3f9a2b7.1000
`

export const configureWebhooksRedeliver: Configure = (command, io, finish) => {
  addHubFlags(command)
  command
    .option('--event <cursor>', 'the event with this cursor')
    .option('--after <cursor>', 'everything it is to get after this cursor')
    .option('--json', 'print it as it then is, as one JSON object')
    .addHelpText('after', EXAMPLES)
  command.action(async (id: string, options: RedeliverOptions) => {
    const what = redeliveryOf(options, id)
    const hub = hubClient('webhooks redeliver', options, io)
    const outlet = await askOutlet(hub, id, 'redeliver', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(what),
    })
    const again = 'event' in what ? `the event ${what.event}` : `everything after ${what.after}`
    const line = `${outlet.id}: ${again} is sent again.`
    await io.stdout.write(`${options.json ? JSON.stringify(outlet) : plain(line)}\n`)
    finish(DONE)
  })
}

/** @throws CommandFailure */
function redeliveryOf({ event, after }: RedeliverOptions, id: string): Redelivery {
  if (event !== undefined && after === undefined) return { event }
  if (after !== undefined && event === undefined) return { after }
  throw usageFailure(
    'Say what is to be sent again: one event with --event, or all after a place with --after.',
    `mcp-sse webhooks show ${/^[\w:.-]+$/.test(id) ? id : '<id>'}`,
  )
}
