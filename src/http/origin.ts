import { Elysia } from 'elysia'
import { HubError } from '../core/errors.ts'
import { problemResponse } from './problem.ts'

const PLAIN_LOOPBACK_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/
const LOOPBACK_NAME = /^(?:(?:[a-z0-9_-]+\.)*localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/
const READING = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Whom a page may come from. `listed` are origins such as `https://app.example`, or `*` for everyone's reading.
 * Parsed, never compared by prefix: `http://localhost.evil.example` starts like a local one.
 */
export interface OriginRule {
  /** For CORS: whether a page of this origin may read the answers. */
  mayRead(origin: string): boolean
  /** Publishing and erasing: a page that cannot read the answer could still send the request. */
  mayWrite(origin: string): boolean
}

export function originRule(listed: readonly string[]): OriginRule {
  const anyone = listed.includes('*')
  const names = new Set(listed)
  const mayWrite = (origin: string) => names.has(origin) || isLocalOrigin(origin)
  return { mayRead: (origin) => anyone || mayWrite(origin), mayWrite }
}

/** `http(s)` on localhost, *.localhost, 127.0.0.0/8 or [::1], any port. */
export function isLocalOrigin(origin: string): boolean {
  const url = URL.parse(origin)
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) return false
  return url.origin === origin && LOOPBACK_NAME.test(url.hostname)
}

/** The `Host` header of a request that was meant for this machine. */
export function isLoopbackHost(host: string | null): boolean {
  if (host === null) return false
  if (PLAIN_LOOPBACK_HOST.test(host)) return true
  const url = URL.parse(`http://${host}`)
  return (
    url !== null &&
    url.host !== '' &&
    url.pathname === '/' &&
    url.search === '' &&
    url.hash === '' &&
    !url.username &&
    LOOPBACK_NAME.test(url.hostname)
  )
}

/**
 * The refusal before anything else is looked at, the body included. A foreign Host is DNS rebinding: a page whose name
 * was pointed at 127.0.0.1 is of the same origin as its requests, so CORS does not stop it.
 */
export function refusalOf(request: Request, rule: OriginRule): HubError | undefined {
  if (!isLoopbackHost(request.headers.get('host'))) {
    return new HubError(
      'host-not-allowed',
      'This server answers only to loopback names; use http://localhost with its port.',
    )
  }
  const origin = request.headers.get('origin')
  if (origin === null) return undefined
  if (READING.has(request.method) ? rule.mayRead(origin) : rule.mayWrite(origin)) return undefined
  return new HubError(
    'origin-not-allowed',
    'Pages of this origin are not allowed here; name the origin in CORS_ORIGIN and start the server again.',
  )
}

/** First of all plugins: what it refuses reaches no other. */
export function guardOrigin(rule: OriginRule): Elysia {
  const app = new Elysia({ name: 'http/origin' })
  app.onRequest(({ request }) => {
    const refusal = refusalOf(request, rule)
    if (refusal) return problemResponse(refusal, { vary: 'Origin' })
  })
  return app
}
