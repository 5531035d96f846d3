import ipaddr from 'ipaddr.js'
import { HubError } from '../../core/errors.ts'
import { addressOf, mayConnect } from './address-rule.ts'
import { isLoopbackHost } from './loopback-host.ts'
import type { AddressRule } from './outcome.ts'

const MOST_BYTES = 2048
/** What a parser neither drops, decodes nor folds. `\` is a `/` to parsers of WHATWG's kind and a letter to others. */
const PRINTABLE = /^[\x21-\x5b\x5d-\x7e]+$/
/** Parsers read `https:host` and `https:/host` as well: what others make of these nobody knows. */
const ABSOLUTE = /^(https?):\/\/([^/?#]+)/i
const NAME = /^(?=.{1,253}$)[a-z0-9_][a-z0-9_-]{0,62}(?:\.[a-z0-9_][a-z0-9_-]{0,62})*$/
/** Names of the local network, and of one that is not the Internet's (RFC 6762, 8375, 7686; ICANN's `internal`). */
const LOCAL_NAME = /\.(?:local|internal|home\.arpa|onion)$/

/**
 * An address that the hub may POST to, as far as it can be told without asking a resolver. The text is the caller's to
 * keep: parsed and written again it may differ.
 * @param pointer of the text, for the refusal, whose sentence never repeats it
 * @throws HubError `invalid-arguments`
 */
export function callbackUrl(text: string, rule: AddressRule, pointer: string): URL {
  const refuse = (sentence: string): never => {
    throw new HubError('invalid-arguments', sentence, { pointer })
  }
  if (text.length > MOST_BYTES) refuse(`The callback URL is longer than ${MOST_BYTES} bytes; use a shorter one.`)
  if (!PRINTABLE.test(text)) {
    refuse(
      'The callback URL has white space, a control character, a backslash or a letter that is not ASCII; write a name as xn--… and everything else in percent encoding.',
    )
  }
  const [, scheme, authority] = ABSOLUTE.exec(text) ?? []
  const url = URL.parse(text)
  if (!url || !scheme || !authority) {
    return refuse('The callback must be a whole address such as https://hooks.example.net/mcp.')
  }
  if (authority.includes('@')) {
    refuse('The callback URL must have no user name and no password; put what identifies the receiver into its path.')
  }
  if (text.includes('#')) refuse('The callback URL must have no fragment; leave out # and what follows it.')
  if (url.port === '0') refuse('Nothing listens on port 0; give the callback URL the port of the receiver.')
  const { hostname } = url
  const trouble = isLoopbackHost(hostname) ? loopbackTrouble(rule) : hostTrouble(hostname, rule)
  if (trouble) refuse(trouble)
  if (url.protocol !== 'https:' && !mayBePlain(hostname, rule)) {
    refuse('The callback URL must start with https://: what is sent there is not for everyone on the way.')
  }
  return url
}

function mayBePlain(hostname: string, rule: AddressRule): boolean {
  return rule.private || (rule.loopback && isLoopbackHost(hostname))
}

function loopbackTrouble(rule: AddressRule): string | undefined {
  if (rule.loopback) return undefined
  return 'The callback would be this machine itself; that needs webhooks.allow_loopback in the configuration of the hub.'
}

function hostTrouble(hostname: string, rule: AddressRule): string | undefined {
  const address = addressOf(hostname)
  if (ipaddr.isValid(address)) {
    // A public one has no name that a certificate is checked for, and needs nothing that a name would not do.
    if (!rule.private) return 'The callback URL must have a name, not an address.'
    return mayConnect(address, rule) ? undefined : 'Nothing is ever sent to the address in this URL; use another one.'
  }
  if (hostname.endsWith('.')) return 'The name in the callback URL must not end with a dot; leave it out.'
  if (!NAME.test(hostname)) return 'The name in the callback URL is none that a resolver knows; correct it.'
  if (rule.private) return undefined
  if (!hostname.includes('.') || LOCAL_NAME.test(hostname)) {
    return 'The name in the callback URL means something in a local network only; use one that everyone can resolve.'
  }
  return undefined
}
