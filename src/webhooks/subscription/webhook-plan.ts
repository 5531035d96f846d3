import { isTooLarge } from '../body-bytes.ts'
import type { AddressRule } from '../outbound/outcome.ts'
import type { Plan } from '../plan.ts'
import type { Chosen } from '../subscription-request.ts'

/** Events of one subscription are in no order anyway (SEP-3415). */
const MOST_AT_ONCE = 8

export interface Keys {
  key: Uint8Array
  /** The one before, and until when it signs as well, milliseconds of the wall clock. */
  previous: { key: Uint8Array; until: number } | undefined
}

export interface WebhookPlanOptions {
  id: string
  owner: string
  url: URL
  rule: AddressRule
  chosen: Chosen
  keys: Keys
}

/** What is told of its end is sent something and wants nothing. */
export const NOTHING: Chosen = {
  filter: { patterns: [], types: [], key: '' },
  occurrence: () => undefined,
  promises: [],
}

/** What one subscription is sent (SEP-3415: the occurrence, and the watermark as its cursor). */
export function webhookPlan({ id, owner, url, rule, chosen, keys }: WebhookPlanOptions): Plan {
  const headers = { 'content-type': 'application/json', 'x-mcp-subscription-id': id }
  return {
    id,
    kind: 'webhook',
    owner,
    url,
    rule,
    filter: chosen.filter,
    atOnce: MOST_AT_ONCE,
    message(event, cursor) {
      const found = chosen.occurrence(event)
      if (!found) return undefined
      const body = `${found.json.slice(0, -1)},"cursor":${JSON.stringify(cursor)}}`
      return isTooLarge(body) ? 'too-large' : { id: found.eventId, body, headers }
    },
    keys: (now) => keysAt(keys, now),
  }
}

/** Newest first. */
export function keysAt({ key, previous }: Keys, now: number): readonly Uint8Array[] {
  return previous && now < previous.until ? [key, previous.key] : [key]
}
