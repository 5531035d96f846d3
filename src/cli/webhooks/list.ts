import type { OutletSummary } from '../../webhooks/summary.ts'
import { aligned } from '../aligned.ts'
import { hubDocument } from '../client/hub-answer.ts'
import { addHubFlags, hubClient } from '../client/hub-client.ts'
import { plain, shortTime } from '../display.ts'
import { DONE } from '../exit.ts'
import type { Configure } from '../verb.ts'

interface OutletsDocument {
  webhooks: OutletSummary[]
  next?: string
}

interface ListOptions {
  url?: string
  kind?: string
  state?: string
  json?: true
}

/** The most an answer may have. */
const PAGE = '1000'
const HEAD = ['ID', 'STATE', 'BEHIND', 'WAITING', 'DELIVERED', 'GIVEN UP', 'URL', 'WANTS', 'LAST ERROR']
const NUMBERS = [2, 3, 4, 5]

export const configureWebhooksList: Configure = (command, io, finish) => {
  addHubFlags(command)
  command
    .option('--kind <kind>', 'only webhook or forward')
    .option('--state <state>', 'only active, suspended or disabled')
    .option('--json', 'one JSON object a line')
  command.action(async (options: ListOptions) => {
    const hub = hubClient('webhooks list', options, io)
    let page: string | undefined
    let listed = 0
    do {
      const query = new URLSearchParams({ limit: PAGE })
      if (options.kind !== undefined) query.set('kind', options.kind)
      if (options.state !== undefined) query.set('state', options.state)
      if (page !== undefined) query.set('page', page)
      const response = await hub.request('/webhooks', { query })
      const { webhooks, next } = await hubDocument<OutletsDocument>(response, 'webhooks')
      const head = listed === 0 ? [HEAD] : []
      const text = options.json
        ? webhooks.map((outlet) => `${JSON.stringify(outlet)}\n`).join('')
        : aligned([...head, ...webhooks.map(cells)], NUMBERS)
      if (webhooks.length > 0) await io.stdout.write(text)
      listed += webhooks.length
      page = next
    } while (page !== undefined)
    if (listed === 0) {
      const which = options.kind || options.state ? 'such webhooks or forwards' : 'webhooks and no forwards'
      await io.stderr.write(`mcp-sse: there are no ${which}.\nTry: mcp-sse webhooks listen\n`)
    }
    finish(DONE)
  })
}

function cells(outlet: OutletSummary): string[] {
  const { id, state, behind, waiting, delivered, abandoned, url, wants, lastError, failedSince } = outlet
  const since = failedSince === null ? '' : ` since ${shortTime(failedSince)}`
  const error = lastError === null ? '' : lastError + since
  const counts = [behind, waiting, delivered, abandoned].map(String)
  return [id, state, ...counts, url, wants, error].map(plain)
}
