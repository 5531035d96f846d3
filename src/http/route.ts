import type { Asked, RouteKind } from '../auth/rule.ts'
import { pathOf } from './parameters.ts'

/** They need no credential and look at none. */
const PUBLIC = new Set(['/livez', '/readyz', '/healthz', '/openapi.json', '/favicon.ico'])
/** What clients that have no credential yet look up, and must be able to do without. */
const WELL_KNOWN = '/.well-known/'
/** Of every version of MCP. */
const MCP = new Set(['/mcp', '/sse', '/messages'])

function kindOf(path: string, method: string): RouteKind {
  if (path === '/') return 'page'
  if (path === '/events' || path === '/events/') return 'stream'
  if (path.startsWith('/events/')) return method === 'GET' || method === 'HEAD' ? 'stream' : 'raw'
  const name = path.endsWith('/') ? path.slice(0, -1) : path
  if (name === '/client.js') return 'module'
  if (name === '/tickets') return 'tickets'
  if (MCP.has(name)) return 'mcp'
  return PUBLIC.has(name) || path.startsWith(WELL_KNOWN) ? 'public' : 'other'
}

/** What the rule has to know about a request; of a preflight, about the request it asks for. */
export function askedBy(request: Request): Asked {
  const wanted = request.method === 'OPTIONS' ? request.headers.get('access-control-request-method') : null
  const method = wanted ?? request.method
  return { request, kind: kindOf(pathOf(request), method), method, preflight: wanted !== null }
}
