import ipaddr from 'ipaddr.js'

const NAME = /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?$/

/** Whether `host` (no brackets) is a whole address: `127.1` is none, though some resolvers take it for one. */
export function isAddress(host: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(host) || ipaddr.IPv6.isValid(host)
}

/** Whether `host` could be a name that a resolver knows. */
export function isHostName(host: string): boolean {
  return NAME.test(host)
}

/** Whether listening on `host` (no brackets) can be reached from this machine only. Other names than localhost: no. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || (isAddress(host) && ipaddr.process(host).range() === 'loopback')
}

/** Whether requests to the `host` of a URL (brackets or not) stay on this machine. */
export function isLocalUrlHost(host: string): boolean {
  return host.endsWith('.localhost') || isLoopback(host.replace(/^\[(.*)\]$/, '$1'))
}
