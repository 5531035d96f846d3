import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { HubError } from '../../core/errors.ts'
import type { SubscriptionKey } from '../subscription-request.ts'

/**
 * What a subscription is called: the same for the same key over refreshes, the order of its arguments and restarts, and
 * no secret (SEP-3415; canonical JSON is that of RFC 8785).
 * @throws HubError `invalid-arguments`, its pointer `/delivery/url` or that of all arguments, for what JSON texts may say
 *   and canonical JSON has no words for
 */
export function subscriptionId({ principal, url, name, arguments: args }: SubscriptionKey): string {
  if (!url.isWellFormed()) {
    const sentence = 'The callback URL has half of a character (a lone surrogate); write it in percent encoding.'
    throw new HubError('invalid-arguments', sentence, { pointer: '/delivery/url' })
  }
  requireCanonical(args)
  const text = canonicalize([principal, url, name, args])!
  return `sub_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`
}

function requireCanonical(args: SubscriptionKey['arguments']): void {
  try {
    canonicalize(args)
  } catch (cause) {
    const sentence =
      'The arguments have a number that is too large for JavaScript, or half of a character (a lone surrogate); correct them.'
    throw new HubError('invalid-arguments', sentence, { pointer: '', cause })
  }
}
