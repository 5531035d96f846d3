import { configureConnectionsEnd } from './connections/end.ts'
import { configureConnectionsList } from './connections/list.ts'
import type { Configure } from './verb.ts'

export const configureConnections: Configure = (command, io, finish) => {
  const verb = (synopsis: string, summary: string, configure: Configure) =>
    configure(command.command(synopsis).description(summary), io, finish)
  verb('list', 'List open streams, who reads them and how far behind', configureConnectionsList)
  verb('end <id>', 'End one of them', configureConnectionsEnd)
}
