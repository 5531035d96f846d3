import { addConfigFlags, loadFromFlags } from './config-flags.ts'
import type { Configure } from './verb.ts'

export const configureServe: Configure = (command, io, finish) => {
  addConfigFlags(command)
  command.action(async () => {
    const load = () => loadFromFlags(command, io)
    const loaded = load()
    // Loaded late: a wrong configuration and --help need none of the server.
    const { serve } = await import('./serve.ts')
    finish(await serve(loaded, load, io))
  })
}
