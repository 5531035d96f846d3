import { addConfigFlags, loadFromFlags } from './config-flags.ts'
import { failureOf } from './failure.ts'
import type { Configure } from './verb.ts'

const FAILURE_READ_MS = 1000

export const configureServe: Configure = (command, io) => {
  addConfigFlags(command)
  command.action(async () => {
    const loaded = loadFromFlags(command, io)
    // Loaded late: a wrong configuration and --help need none of the server.
    const { serve } = await import('./serve/serve.ts')
    try {
      await serve(loaded, (closed) => loadFromFlags(command, io, closed), io)
    } catch (error) {
      // For a reader of stderr who takes nothing: what waits for him would keep a failed start from being tried again.
      setTimeout(() => io.exit(failureOf(error).exitCode), FAILURE_READ_MS).unref()
      throw error
    }
  })
}
