import type { OutletState } from '../../webhooks/summary.ts'
import { addHubFlags, hubClient } from '../client/hub-client.ts'
import { plain } from '../display.ts'
import { DONE } from '../exit.ts'
import type { Configure } from '../verb.ts'
import { askOutlet } from './outlet.ts'

const MEANINGS: Record<OutletState, string> = {
  active: 'what comes is sent',
  suspended: 'it has failed for long, and is tried now and then',
  disabled: 'what comes meanwhile is sent when it is enabled again, as far as the log still has it',
}

export const configureWebhooksDisable: Configure = switching('disable')
export const configureWebhooksEnable: Configure = switching('enable')

function switching(action: 'disable' | 'enable'): Configure {
  return (command, io, finish) => {
    addHubFlags(command)
    command.option('--json', 'print it as it then is, as one JSON object')
    command.action(async (id: string, options: { url?: string; json?: true }) => {
      const hub = hubClient(`webhooks ${action}`, options, io)
      const outlet = await askOutlet(hub, id, action, { method: 'POST' })
      const { state } = outlet
      const sentence = `${plain(outlet.id)} is ${plain(state)}: ${MEANINGS[state]}.`
      await io.stdout.write(`${options.json ? JSON.stringify(outlet) : sentence}\n`)
      finish(DONE)
    })
  }
}
