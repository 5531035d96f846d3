import { once } from 'node:events'
import { isIP } from 'node:net'
import { checkServerIdentity, connect, type TLSSocket } from 'node:tls'
import { unreachable } from '../../client/hub-client.ts'
import { ADVICE } from '../advice.ts'
import { hostOf, unnamed } from '../host-name.ts'
import { type Finding, fail, ok, type Probe, shown, warn } from '../probe.ts'
import { codeOf } from '../way.ts'

const PATIENCE_MS = 10_000
const SOON_DAYS = 14
const DAY_MS = 86_400_000

interface Handshake {
  ms: number
  protocol: string
  /** Negotiated by ALPN; `http/1.1` where nothing was. */
  http: string
  /** Why a browser would not go on. */
  problem: string | undefined
  /** And nothing is wrong with it but that nobody here knows who made it. */
  unknownIssuer: boolean
  validTo: Date
}

/** The certificate as browsers look at it, and the HTTP version they would speak. No key is sent before it is in order. */
export const tls: Probe = {
  name: 'tls',
  needs: [],
  async run({ way }) {
    const url = new URL(way.url)
    if (url.protocol === 'http:') {
      if (way.local) return ok('http on this machine. Browsers speak HTTP/1.1 here: six streams at most, of all tabs.')
      return warn('http: everyone on the way can read events and keys, and browsers have six streams at most.', {
        general: 'Put a proxy with TLS in front, or set tls.cert and tls.key.',
        more: 'docs/deploy.md',
      })
    }
    const nameless = await unnamed(url)
    if (nameless) return nameless
    let seen: Handshake
    try {
      seen = await handshake(url, way.signal)
    } catch (error) {
      return none(url, error)
    }
    const numbers = { handshakeMs: Math.round(seen.ms) }
    const until = seen.validTo.toISOString().slice(0, 10)
    if (seen.problem) {
      return fail(
        `The certificate is not in order: ${seen.problem}. It is valid until ${until}.`,
        seen.unknownIssuer
          ? {
              general: `NODE_EXTRA_CA_CERTS=<PEM file of its authority> mcp-sse doctor ${url.origin}   if that is yours; else a certificate that clients trust, with its intermediate ones`,
            }
          : { general: 'Give the proxy a certificate for this name that clients trust, and that is in date.' },
        numbers,
      )
    }
    const saw = `${seen.protocol}, ${seen.http}, certificate until ${until}, ${shown(seen.ms)}.`
    if (seen.http !== 'h2') {
      return warn(`${saw} Without HTTP/2 browsers have six streams at most, of all tabs.`, ADVICE.http2, numbers)
    }
    const days = Math.floor((seen.validTo.getTime() - Date.now()) / DAY_MS)
    if (days < SOON_DAYS) return warn(`${saw} That is in ${days} days.`, { general: 'Renew the certificate.' }, numbers)
    return ok(saw, numbers)
  },
}

function none(url: URL, error: unknown): Finding {
  if (error instanceof Error && error.name === 'AbortError') {
    return fail(`No answer in ${PATIENCE_MS / 1000} s.`, {
      general:
        'Check the address, the port and the firewall: something takes connections, or drops them, without a word.',
    })
  }
  const code = codeOf(error)
  // A packet of something else where a handshake was due.
  if (code?.startsWith('ERR_SSL_')) {
    return fail(`No TLS at ${url.host} (${code}): it may speak http.`, { general: `mcp-sse doctor http://${url.host}` })
  }
  return fail(unreachable(url.origin, error).message, {
    general: 'Check that the proxy and the hub run, the port and the firewall.',
  })
}

async function handshake(url: URL, signal: AbortSignal): Promise<Handshake> {
  const started = performance.now()
  const host = hostOf(url)
  const socket: TLSSocket = connect({
    host,
    port: Number(url.port || 443),
    ...(isIP(host) ? {} : { servername: host }),
    ALPNProtocols: ['h2', 'http/1.1'],
    // Looked at below: what is wrong with it is the finding. Nothing is sent on this connection.
    rejectUnauthorized: false,
  })
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]) })
    const certificate = socket.getPeerCertificate()
    const named = checkServerIdentity(host, certificate)
    const untrusted = socket.authorized ? undefined : String(socket.authorizationError)
    const validTo = new Date(certificate.valid_to)
    const expired = validTo.getTime() < Date.now()
    return {
      ms: performance.now() - started,
      protocol: socket.getProtocol() ?? 'TLS',
      http: socket.alpnProtocol || 'http/1.1',
      problem: expired ? 'it has expired' : named ? `it is not for ${host}` : untrusted,
      unknownIssuer: !expired && !named,
      validTo,
    }
  } finally {
    socket.destroy()
  }
}
