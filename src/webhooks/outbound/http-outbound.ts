import { addressOf } from './address-rule.ts'
import { answerBody, DRAINED_MS } from './answer-body.ts'
import { Deadline } from './deadline.ts'
import type { Failure, Outbound, OutboundRequest, Outcome } from './outcome.ts'
import { type LookUp, Resolver } from './resolver.ts'
import { retryAfter } from './retry-after.ts'

/** Seconds that a connection is kept for the next event. */
const IDLE_S = 60
/** Of the addresses of one name. */
const MOST_TRIED = 4

/** Nothing was sent yet, so another address may be tried. */
const NOT_CONNECTED: ReadonlySet<string> = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL'])
/** OpenSSL's words for a certificate it does not take, and Bun 1.4.5's for a handshake that failed (`EPROTO`). */
const TLS_CODE = /^(?:EPROTO$|ERR_TLS_|ERR_SSL_|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERROR_IN_)/
const TLS_CODES: ReadonlySet<string> = new Set([
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
])

export interface HttpOutboundOptions {
  /** Default: the system's. */
  resolve?: LookUp
  /** Certificates that count instead of the system's, PEM. */
  ca?: string
  /** Wall clock, milliseconds: for a `Retry-After` that is a date. */
  now?: () => number
  /** What the rest of an answer has, so that its connection serves again; default 250 ms. */
  drainMs?: number
}

/**
 * `fetch` to a checked address. The name stays in `Host` and in what the certificate is checked against, so between the
 * check and the connection no resolver is asked again. Connections are kept, for one name at one address each.
 */
export class HttpOutbound implements Outbound {
  readonly #resolver: Resolver
  readonly #ca: string | undefined
  readonly #now: () => number
  readonly #drainMs: number
  readonly #underWay = new Set<Deadline>()
  #closed = false
  /** Its own connections, and no proxy: Bun 1.4.5 obeys `HTTP_PROXY` for anything but `false`. */
  readonly #session = new Bun.FetchSession({ proxy: false, keepAlive: { idleTimeout: IDLE_S } })

  constructor({ resolve, ca, now = () => Date.now(), drainMs = DRAINED_MS }: HttpOutboundOptions = {}) {
    this.#resolver = new Resolver(resolve ? { lookUp: resolve } : {})
    this.#ca = ca
    this.#now = now
    this.#drainMs = drainMs
  }

  async post(request: OutboundRequest): Promise<Outcome> {
    if (this.#closed) return { kind: 'failed', failure: 'connection_refused' }
    const deadline = new Deadline(request.timeoutMs, request.signal)
    this.#underWay.add(deadline)
    try {
      const addresses = await deadline.within(this.#resolver.addresses(request.url.hostname, request.rule))
      const response = await this.#connect(request, addresses, deadline.signal)
      if (!response) return { kind: 'failed', failure: 'connection_refused' }
      const retryAfterMs = retryAfter(response.headers.get('retry-after'), this.#now())
      const body = await answerBody(response, request.readBytes, this.#drainMs)
      return { kind: 'answered', status: response.status, body, retryAfterMs }
    } catch (error) {
      return { kind: 'failed', failure: deadline.passed ? 'timeout' : failureOf(error) }
    } finally {
      deadline.release()
      this.#underWay.delete(deadline)
    }
  }

  /** Ends what is under way (`connection_refused`) and everything after it. Idempotent. */
  close(): void {
    this.#closed = true
    for (const deadline of this.#underWay) deadline.abort()
    this.#session.close()
  }

  /** `undefined`: nobody was reached, or what answered speaks no HTTP. @throws what `fetch` does */
  async #connect(
    request: OutboundRequest,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<Response | undefined> {
    for (const address of addresses.slice(0, MOST_TRIED)) {
      try {
        const response = await this.#fetch(request, address, signal)
        // Bun 1.4.5 takes `000` and `999` for a status.
        if (response.status >= 200 && response.status <= 599) return response
        await response.body?.cancel()
        return undefined
      } catch (error) {
        if (!NOT_CONNECTED.has(codeOf(error))) throw error
      }
    }
    return undefined
  }

  #fetch({ url, headers, body }: OutboundRequest, address: string, signal: AbortSignal): Promise<Response> {
    const to = new URL(url)
    to.hostname = address.includes(':') ? `[${address}]` : address
    return fetch(to.href, {
      method: 'POST',
      headers: { 'user-agent': 'mcp-sse', ...headers, host: url.host },
      body,
      signal,
      redirect: 'manual',
      // A small body may be gigabytes when unpacked.
      decompress: false,
      session: this.#session,
      ...(url.protocol === 'https:' && { tls: this.#tls(url.hostname, address) }),
    })
  }

  #tls(hostname: string, address: string): Bun.TLSOptions {
    return {
      // Said, because without it NODE_TLS_REJECT_UNAUTHORIZED=0 switches the check off.
      rejectUnauthorized: true,
      // Of an address there is no server name (RFC 6066, 3).
      ...(addressOf(hostname) !== address && { serverName: hostname }),
      ...(this.#ca !== undefined && { ca: this.#ca }),
    }
  }
}

function failureOf(error: unknown): Failure {
  const code = codeOf(error)
  return TLS_CODE.test(code) || TLS_CODES.has(code) ? 'tls_error' : 'connection_refused'
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
