import { configureTokenCheck } from './token/check.ts'
import { configureTokenNew } from './token/new.ts'
import type { Configure } from './verb.ts'

export const configureToken: Configure = (command, io, finish) => {
  const verb = (synopsis: string, summary: string, configure: Configure) => {
    const child = command.command(synopsis).description(summary)
    child
      .option('--config <file>', 'the configuration file, if not the one serve reads')
      .option('--env-file <file>', 'read variables from this file where the environment has none')
    configure(child, io, finish)
  }
  verb('new', 'Sign a token with the first auth.jwt.secret', configureTokenNew)
  verb('check [token]', 'Say whether the hub would accept a token, and which check fails', configureTokenCheck)
}
