import type { AttemptRecord, OutletDetail } from '../../webhooks/summary.ts'
import { aligned } from '../aligned.ts'
import { addHubFlags, hubClient } from '../client/hub-client.ts'
import { plain, shortTime } from '../display.ts'
import { DONE } from '../exit.ts'
import type { Configure } from '../verb.ts'
import { askOutlet } from './outlet.ts'

export const configureWebhooksShow: Configure = (command, io, finish) => {
  addHubFlags(command)
  command.option('--json', 'as one JSON object')
  command.action(async (id: string, options: { url?: string; json?: true }) => {
    const outlet = await askOutlet(hubClient('webhooks show', options, io), id)
    await io.stdout.write(options.json ? `${JSON.stringify(outlet)}\n` : shown(outlet))
    const lost = outlet.abandonedCursors.at(-1)
    if (lost !== undefined && !options.json) {
      await io.stderr.write(`Try: mcp-sse webhooks redeliver ${id} --event ${plain(lost)}\n`)
    }
    finish(DONE)
  })
}

function shown(outlet: OutletDetail): string {
  const { id, kind, state, principal, url, expires, cursor, behind, waiting, delivered, abandoned } = outlet
  const { lastDelivery, lastError, failedSince, attempts, abandonedCursors } = outlet
  const rows = [
    ['id', id],
    ['kind', kind],
    ['state', state],
    ['principal', principal],
    ['url', url],
    ['wants', wantsOf(outlet)],
    ['expires', expires === null ? 'never' : shortTime(expires)],
    ['cursor', `${cursor}, ${behind} behind`],
    ['waiting', String(waiting)],
    ['delivered', `${delivered}${lastDelivery === null ? '' : `, last at ${shortTime(lastDelivery)}`}`],
    ['given up', `${abandoned}${abandonedCursors.length > 0 ? `, last ${abandonedCursors.join(' ')}` : ''}`],
    ...(lastError === null ? [] : [['last error', lastError]]),
    ...(failedSince === null ? [] : [['failing since', shortTime(failedSince)]]),
  ]
  const tried = attempts.length > 0 ? `\n${aligned(attempts.map(cells))}` : ''
  return aligned(rows.map((row) => row.map(plain))) + tried
}

function wantsOf({ wants, arguments: given }: OutletDetail): string {
  return Object.keys(given).length > 0 ? `${wants} ${JSON.stringify(given)}` : wants
}

function cells({ time, message, attempt, status, error, ms }: AttemptRecord): string[] {
  const answer = status === null ? 'no answer' : String(status)
  return [shortTime(time), message, `attempt ${attempt}`, answer, `${Math.round(ms)} ms`, error ?? ''].map(plain)
}
