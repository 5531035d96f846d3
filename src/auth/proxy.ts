import ipaddr from 'ipaddr.js'
import { parseForwarded, withoutPort } from './forwarded.ts'
import { isLoopbackName, parseHost } from './host.ts'

/** What proxies put the client's address into, one or a list. Each is sent by some product as its only one. */
const ADDRESS_HEADERS = [
  'x-forwarded-for',
  'x-real-ip',
  'x-original-forwarded-for',
  'x-client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'fastly-client-ip',
  'fly-client-ip',
  'x-azure-clientip',
  'x-envoy-external-address',
  'x-proxyuser-ip',
  'forwarded-for',
  'x-forwarded',
] as const

/** What proxies put the name into that the client asked for. `x-forwarded-proto` and `-port` name nobody. */
const HOST_HEADERS = ['x-forwarded-host', 'x-forwarded-server', 'x-original-host'] as const

/** Whatever they say: no program of this machine has a reason to send them. */
const SIGNS = ['cdn-loop', 'tailscale-user-login', 'x-forwarded-user', 'x-forwarded-email'] as const

/**
 * The header by which a proxy says that a request is not from this machine, or `undefined`. What cannot be understood
 * counts as elsewhere, and so does a `Via` that is not this machine's: nobody here has a reason to send either.
 */
export function forwardedFromElsewhere(headers: Headers): string | undefined {
  for (const name of ADDRESS_HEADERS) {
    const value = headers.get(name)
    if (value !== null && !value.split(',').every(isLoopbackNode)) return name
  }
  for (const name of HOST_HEADERS) {
    const value = headers.get(name)
    if (value !== null && !value.split(',').every(isLoopbackHost)) return name
  }
  // Who is logged in at the proxy, and content networks that name themselves.
  for (const name of SIGNS) if (headers.has(name)) return name
  const forwarded = headers.get('forwarded')
  if (forwarded !== null && !isLoopbackForwarded(forwarded)) return 'forwarded'
  const via = headers.get('via')
  return via !== null && !via.split(',').every(isLoopbackVia) ? 'via' : undefined
}

function isLoopbackForwarded(value: string): boolean {
  const hops = parseForwarded(value)
  if (!hops || hops.length === 0) return false
  return hops.every((hop) => {
    const nodes = [hop.get('for'), hop.get('by')].filter((node) => node !== undefined)
    const host = hop.get('host')
    return nodes.every(isLoopbackNode) && (host === undefined || isLoopbackHost(host))
  })
}

/** `unknown` and `_hidden` are somebody else. */
function isLoopbackNode(node: string): boolean {
  const text = withoutPort(node)
  return ipaddr.isValid(text) && ipaddr.process(text).range() === 'loopback'
}

function isLoopbackHost(text: string): boolean {
  const host = parseHost(text.trim())
  return host !== undefined && isLoopbackName(host.name)
}

/** RFC 9110 section 7.6.3: `1.1 name`, a pseudonym or a host. */
function isLoopbackVia(entry: string): boolean {
  return isLoopbackHost(entry.trim().split(/[ \t]+/)[1] ?? '')
}
