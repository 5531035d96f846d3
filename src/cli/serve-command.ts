import { addConfigFlags, loadFromFlags } from './config-flags.ts'
import type { Configure } from './verb.ts'

export const configureServe: Configure = (command, io, finish) => {
  addConfigFlags(command)
  command.action(async () => {
    const loaded = loadFromFlags(command, io)
    // Loaded late: a wrong configuration and --help need none of the server.
    const { serve } = await import('./serve.ts')
    finish(await serve(loaded, (closed) => loadFromFlags(command, io, closed), io))
  })
}
