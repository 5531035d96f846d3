import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { SubscriptionKey } from '../subscription-request.ts'

/**
 * What a subscription is called: the same for the same key over refreshes, the order of its arguments and restarts, and
 * no secret (SEP-3415; canonical JSON is that of RFC 8785).
 */
export function subscriptionId({ principal, url, name, arguments: args }: SubscriptionKey): string {
  const text = canonicalize([principal, url, name, args])!
  return `sub_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`
}
