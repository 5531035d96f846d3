import ipaddr from 'ipaddr.js'
import { parseForwarded, withoutPort } from './forwarded.ts'

type Address = ReturnType<typeof ipaddr.process>

/** Where proxies say of a client what nobody understands: one place for all of them, so that it is bounded too. */
const UNKNOWN = 'unknown'

/** The client's address as limits count it. */
export class ClientAddresses {
  readonly #trusted: readonly (readonly [Address, number])[]

  /** CIDR ranges or single addresses of proxies whose forwarded headers count. @throws Error for what is neither */
  constructor(trusted: readonly string[]) {
    this.#trusted = trusted.map((text) => {
      if (text.includes('/')) return ipaddr.parseCIDR(text)
      const address = ipaddr.process(text)
      return [address, address.kind() === 'ipv4' ? 32 : 128] as const
    })
  }

  /**
   * `203.0.113.9`, or of IPv6 the /64 that one customer has: `2001:db8:1:2::/64`. Behind a trusted proxy it is the
   * right-most address that is not one: what is further left was written by whoever asked. '' is not counted: loopback,
   * and trusted proxies that pass on no address.
   */
  of(headers: Headers, remote: string | undefined): string {
    const socket = remote === undefined ? undefined : parse(remote)
    if (!socket) return ''
    if (!this.#isTrusted(socket)) return counted(socket)
    const byList = this.#rightMost(headers.get('x-forwarded-for')?.split(','))
    const forwarded = headers.get('forwarded')
    const byHops = forwarded === null ? undefined : this.#rightMost(clientsOf(forwarded))
    // A proxy writes one of the two and passes the other one on as the client sent it: nobody knows which.
    if (byList !== undefined && byHops !== undefined && byList !== byHops) return UNKNOWN
    return byList ?? byHops ?? ''
  }

  /**
   * By what the client asked, as far as a trusted proxy says so in `X-Forwarded-Proto`. A list of several proxies is not
   * understood: which of them ends TLS is not in it.
   */
  schemeOf(headers: Headers, remote: string | undefined): 'http' | 'https' {
    const socket = remote === undefined ? undefined : parse(remote)
    if (!socket || !this.#isTrusted(socket)) return 'http'
    return headers.get('x-forwarded-proto')?.toLowerCase() === 'https' ? 'https' : 'http'
  }

  /** Whether a trusted proxy, or a program of a trusted machine, is at the other end. */
  trusts(remote: string | undefined): boolean {
    const socket = remote === undefined ? undefined : parse(remote)
    return socket !== undefined && this.#isTrusted(socket)
  }

  #rightMost(nodes: readonly string[] | undefined): string | undefined {
    if (!nodes) return undefined
    for (let index = nodes.length - 1; index >= 0; index--) {
      const address = parse(withoutPort(nodes[index]!))
      if (!address) return UNKNOWN
      if (!this.#isTrusted(address)) return counted(address)
    }
    return ''
  }

  #isTrusted(address: Address): boolean {
    return this.#trusted.some(([range, bits]) => address.kind() === range.kind() && address.match(range, bits))
  }
}

function clientsOf(forwarded: string): string[] {
  return parseForwarded(forwarded)?.map((hop) => hop.get('for') ?? UNKNOWN) ?? [UNKNOWN]
}

/** IPv4 inside IPv6 (`::ffff:192.0.2.1`, what Bun 1.4.5 gives on a dual-stack socket) is IPv4. */
function parse(text: string): Address | undefined {
  return ipaddr.isValid(text) ? ipaddr.process(text) : undefined
}

function counted(address: Address): string {
  if (address.range() === 'loopback') return ''
  if (address instanceof ipaddr.IPv6) return `${new ipaddr.IPv6([...address.parts.slice(0, 4), 0, 0, 0, 0])}/64`
  return address.toString()
}
