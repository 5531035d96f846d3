import { addHubFlags, hubClient } from '../client/hub-client.ts'
import { plain } from '../display.ts'
import { DONE } from '../exit.ts'
import type { Configure } from '../verb.ts'

export const configureConnectionsEnd: Configure = (command, io, finish) => {
  addHubFlags(command)
  command.action(async (id: string, options: { url?: string }) => {
    const hub = hubClient('connections end', options, io)
    await hub.request(`/connections/${encodeURIComponent(id)}`, { method: 'DELETE' })
    await io.stdout.write(`${plain(id)} was told and ended; its client may come back.\n`)
    finish(DONE)
  })
}
