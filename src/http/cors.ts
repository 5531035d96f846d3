import type { Passage } from '../auth/rule.ts'

/** What a page may set, preflight or not. */
const REQUEST_HEADERS = [
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'Last-Event-ID',
  'Mcp-Method',
  'Mcp-Name',
  'Mcp-Protocol-Version',
  'Mcp-Session-Id',
].join(', ')

/** What a page may read beside the headers that every page may. */
const RESPONSE_HEADERS = 'Retry-After, WWW-Authenticate, X-Request-Id, Mcp-Session-Id, Mcp-Protocol-Version'

const METHODS = 'GET, POST, DELETE, OPTIONS'

/** Long enough that a page does not ask before each request, short enough that a changed CORS_ORIGIN soon counts. */
const MAX_AGE_S = '600'

/**
 * The headers by which a browser lets a page read an answer, from the same passage that let its request in. All of them
 * are on the answer itself: what only a preflight exposes, no page sees.
 */
export function corsHeaders({ readableBy, withCookies }: Passage, headers: Record<string, unknown>): void {
  if (readableBy === undefined) return
  headers['access-control-allow-origin'] = readableBy
  headers['access-control-expose-headers'] = RESPONSE_HEADERS
  if (withCookies) headers['access-control-allow-credentials'] = 'true'
}

/** The answer to a preflight whose request will be let in. `headers` of `corsHeaders` are on it. */
export function preflightAnswer(): Response {
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-methods': METHODS,
      'access-control-allow-headers': REQUEST_HEADERS,
      'access-control-max-age': MAX_AGE_S,
    },
  })
}
