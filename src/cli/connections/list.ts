import type { ConnectionSummary } from '../../core/connection-summary.ts'
import { aligned } from '../aligned.ts'
import { hubDocument } from '../client/hub-answer.ts'
import { addHubFlags, hubClient } from '../client/hub-client.ts'
import { plain, shortTime } from '../display.ts'
import { DONE } from '../exit.ts'
import type { Configure } from '../verb.ts'

interface ConnectionsDocument {
  connections: ConnectionSummary[]
  next?: string
}

/** The most an answer may have. */
const PAGE = '1000'
const HEAD = ['ID', 'KIND', 'PRINCIPAL', 'ADDRESS', 'SINCE', 'STATE', 'BEHIND', 'QUEUED', 'READS']
const NUMBERS = [6, 7]

export const configureConnectionsList: Configure = (command, io, finish) => {
  addHubFlags(command)
  command.option('--json', 'one JSON object a line')
  command.action(async (options: { url?: string; json?: true }) => {
    const hub = hubClient('connections list', options, io)
    let page: string | undefined
    let listed = 0
    do {
      const query = new URLSearchParams({ limit: PAGE, ...(page === undefined ? {} : { page }) })
      const response = await hub.request('/connections', { query })
      const { connections, next } = await hubDocument<ConnectionsDocument>(response, 'connections')
      const head = listed === 0 ? [HEAD] : []
      const text = options.json
        ? connections.map((connection) => `${JSON.stringify(connection)}\n`).join('')
        : aligned([...head, ...connections.map(cells)], NUMBERS)
      if (connections.length > 0) await io.stdout.write(text)
      listed += connections.length
      page = next
    } while (page !== undefined)
    if (listed === 0) await io.stderr.write("mcp-sse: no stream is open.\nTry: mcp-sse subscribe '**'\n")
    finish(DONE)
  })
}

function cells(connection: ConnectionSummary): string[] {
  const { id, kind, principal, address, since, state, behind, queuedBytes, topics, types } = connection
  const reads = [...topics, ...types.map((type) => `type=${type}`)].join(' ')
  const place = behind === null ? '-' : String(behind)
  return [id, kind, principal, address ?? '-', shortTime(since), state, place, String(queuedBytes), reads].map(plain)
}
