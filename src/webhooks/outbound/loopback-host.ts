import { addressOf, isLoopbackAddress } from './address-rule.ts'

/** `localhost` and all below it, which no resolver is asked for (RFC 6761, 6.3). @param hostname of a parsed URL */
export function isLocalhost(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost')
}

/** Whether it stays on this machine by its spelling: localhost, 127.0.0.0/8, `[::1]`. @param hostname of a parsed URL */
export function isLoopbackHost(hostname: string): boolean {
  return isLocalhost(hostname) || isLoopbackAddress(addressOf(hostname))
}
