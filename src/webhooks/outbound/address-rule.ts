import ipaddr from 'ipaddr.js'
import type { AddressRule } from './outcome.ts'

type Address = ipaddr.IPv4 | ipaddr.IPv6

const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3')
/** Inside it and not for everyone: IETF protocols (Teredo, ORCHID, benchmarks), documentation, 6to4 (RFC 6890, 9637). */
const SPECIAL_UNICAST = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'].map((range) =>
  ipaddr.IPv6.parseCIDR(range),
)

/**
 * Services of cloud providers that give credentials to whoever reaches them, and are not link-local: Azure (a public
 * address), Oracle, Alibaba, AWS and Google over IPv6. In a private network they are as near as everything else.
 */
const METADATA: ReadonlySet<string> = new Set(
  ['168.63.129.16', '192.0.0.192', '100.100.100.200', 'fd00:ec2::254', 'fd20:ce::254'].map((text) =>
    ipaddr.parse(text).toString(),
  ),
)

/** Of IPv4, what a connection never goes to, whoever wrote the URL: link-local (the metadata of clouds) and no single host. */
const NEVER_V4: ReadonlySet<string> = new Set(['linkLocal', 'multicast', 'broadcast', 'unspecified'])

/**
 * Whether a connection may be made to an address. Without a permission only to what is globally routable: of IPv4 all but
 * the special ranges, of IPv6 only 2000::/3 without its special ranges, which leaves out IPv4 in all its disguises
 * (mapped, compatible, NAT64, 6to4, Teredo). Link-local, multicast and unspecified addresses never, `private` or not.
 * @param address as resolvers give it: four decimal parts, or IPv6 without brackets and zone; anything else: no
 */
export function mayConnect(address: string, rule: AddressRule): boolean {
  const parsed = parse(address)
  if (!parsed) return false
  if (parsed.range() === 'loopback') return rule.loopback
  if (METADATA.has(parsed.toString())) return false
  return parsed instanceof ipaddr.IPv4 ? mayConnectV4(parsed, rule) : mayConnectV6(parsed, rule)
}

export function isLoopbackAddress(address: string): boolean {
  return parse(address)?.range() === 'loopback'
}

/** The host of a parsed URL as resolvers would give it: IPv6 without its brackets. */
export function addressOf(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
}

function mayConnectV4(address: ipaddr.IPv4, rule: AddressRule): boolean {
  const range = address.range()
  return range === 'unicast' || (rule.private && !NEVER_V4.has(range))
}

function mayConnectV6(address: ipaddr.IPv6, rule: AddressRule): boolean {
  if (rule.private && address.range() === 'uniqueLocal') return true
  return address.match(GLOBAL_UNICAST) && !SPECIAL_UNICAST.some((range) => address.match(range))
}

function parse(text: string): Address | undefined {
  // The spellings `127.1` and `0x7f.1` are none of an address that was looked up; a zone belongs to link-local ones.
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text)
  if (text.includes('%') || !ipaddr.IPv6.isValid(text)) return undefined
  return ipaddr.IPv6.parse(text)
}
