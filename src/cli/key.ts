import { configureKeyList } from './key/list.ts'
import { configureKeyNew } from './key/new.ts'
import { configureKeyRevoke } from './key/revoke.ts'
import type { Configure } from './verb.ts'

export const configureKey: Configure = (command, io, finish) => {
  const verb = (synopsis: string, summary: string, configure: Configure) => {
    const child = command.command(synopsis).description(summary)
    child.option('--config <file>', 'the configuration file, if not the one serve reads')
    configure(child, io, finish)
  }
  verb('new <name>', 'Make a key and say what it may do', configureKeyNew)
  verb('list', 'List the keys a start would know', configureKeyList)
  verb('revoke <name>', 'Take a key out of the configuration file', configureKeyRevoke)
}
