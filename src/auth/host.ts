const PLAIN_LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/
const LOOPBACK_NAME = /^(?:(?:[a-z0-9_-]+\.)*localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/
/** RFC 3986 section 3.2.2. URL parsers also let quotes and braces through, which no name has and headers would be built of. */
const REG_NAME_OR_LITERAL = /^(?:[\w.~!$&'()*+,;=-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/
const IP_LITERAL = /^(?:\[.*\]|\d{1,3}(?:\.\d{1,3}){3})$/

/** A `Host` header, canonical: lower case, without the port 80. */
export interface Host {
  /** `hub.example`, `[::1]` */
  name: string
  /** The name, and the port where there is one: `hub.example:3000`. */
  text: string
}

/** `localhost`, `*.localhost`, 127.0.0.0/8 and `[::1]`, of a name as URL parsers write it. */
export function isLoopbackName(name: string): boolean {
  return LOOPBACK_NAME.test(name)
}

/**
 * `undefined` for what is missing, given twice, or not written as every browser writes it. Nothing that is refused here is
 * a URL: code that makes one of the request's would fail.
 */
export function parseHost(header: string | null): Host | undefined {
  if (header === null) return undefined
  const text = header.toLowerCase()
  const url = REG_NAME_OR_LITERAL.test(text) ? URL.parse(`http://${text}`) : null
  if (!url || url.host === '' || (url.host !== text && `${url.host}:80` !== text)) return undefined
  return { name: url.hostname, text: url.host }
}

export interface HostSettings {
  publicUrl: string | undefined
  /** With a port: only that one. Without: any. */
  allowedHosts: readonly string[]
}

/** The names this server answers to. Compared whole and parsed: `localhost.evil.example` begins like one of them. */
export class Hosts {
  readonly #allowed = new Set<string>()
  /** The last one parsed: nearly all requests of a server have the same. */
  #last: { header: string; host: Host | undefined } = { header: '', host: undefined }

  constructor({ publicUrl, allowedHosts }: HostSettings) {
    if (publicUrl !== undefined) this.#allowed.add(new URL(publicUrl).hostname)
    for (const allowed of allowedHosts) this.#allowed.add(parseHost(allowed)?.text ?? allowed.toLowerCase())
  }

  parse(header: string | null): Host | undefined {
    if (header === null) return undefined
    if (this.#last.header !== header) this.#last = { header, host: parseHost(header) }
    return this.#last.host
  }

  /** Whether the name is this machine's, or one the operator gave it. A rebound name never is (DNS rebinding). */
  knows(host: Host): boolean {
    if (PLAIN_LOOPBACK.test(host.text) || isLoopbackName(host.name)) return true
    return this.#allowed.has(host.text) || this.#allowed.has(host.name)
  }

  /** An address: it cannot be rebound, because no name is looked up. */
  isAddress({ name }: Host): boolean {
    return IP_LITERAL.test(name)
  }
}
