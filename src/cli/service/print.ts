import unit from '../../../packaging/systemd/mcp-sse.service' with { type: 'text' }
import { DONE } from '../exit.ts'
import type { Configure } from '../verb.ts'

export const configureServicePrint: Configure = (command, io, finish) => {
  command.action(async () => {
    await io.stdout.write(unit)
    finish(DONE)
  })
}
