import { parseControl } from '../client/follow.ts'
import { plain } from '../display.ts'
import type { Taken } from './source.ts'

/** What a person has to know, for stderr; `$open`, `$heartbeat` and positions are routine. */
export function noticeOf(item: Exclude<Taken, { kind: 'event' }>): string | undefined {
  switch (item.kind) {
    case 'position':
      return undefined
    case 'truncated':
      return item.place === undefined
        ? 'gap: events from here on were removed by retention.'
        : `gap: the place ${plain(item.place)} is not in the log of this hub: another hub gave it, or retention removed what followed it.`
    case 'lost':
      return `connection lost (${plain(item.reason)}), trying again in ${(item.waitMs / 1000).toFixed(1)} s`
    case 'control':
      return noticeOfControl(item.name, parseControl(item.json))
  }
}

function noticeOfControl(name: string, fields: Record<string, unknown>): string | undefined {
  const field = (key: string) => plain(String(fields[key]))
  if (name === '$gap') {
    return `gap: events between ${field('requested')} and ${field('resumedFrom')} are missing (${field('reason')})`
  }
  // The end of the stream that follows says it.
  if (name !== '$error' || String(fields.code).startsWith('credential-')) return undefined
  return `${field('message')} [${field('code')}]`
}

/** Whether events before what follows are missing. */
export function isGap(item: Taken): boolean {
  return item.kind === 'truncated' || (item.kind === 'control' && item.name === '$gap')
}
