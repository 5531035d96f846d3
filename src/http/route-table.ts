import { HubError } from '../core/errors.ts'
import { nearestName } from '../core/suggest.ts'
import { hasHead } from './head.ts'
import { mediaTypeOf } from './media-type.ts'
import { pathOf } from './parameters.ts'

export interface Route {
  method: string
  /** As registered: `/events/*`, `/webhooks/:id`. */
  path: string
}

/** The routes of the finished app, to name one, and to say something useful about a request that none of them takes. */
export class RouteTable {
  readonly #routes: readonly Route[]

  constructor(routes: readonly Route[]) {
    this.#routes = routes
  }

  /** What `path` may be asked with; empty when there is no such path. */
  methods(path: string): string[] {
    const found = new Set<string>()
    for (const route of this.#routes) if (matches(route.path, path)) found.add(route.method)
    if (found.has('GET') && hasHead(path)) found.add('HEAD')
    if (found.size > 0) found.add('OPTIONS')
    return [...found].sort()
  }

  /** For the operator, with nothing a client made up: `POST /events/*`, or `PUT (no route)`. Bun's list of methods is closed. */
  nameOf(request: Request): string {
    const path = pathOf(request)
    const route = this.#routes.find((each) => matches(each.path, path))
    return `${request.method} ${route?.path ?? '(no route)'}`
  }

  /** 405 with `Allow` for a known path, else 404 with the nearest route. */
  refusal(request: Request): { refusal: HubError; headers: Record<string, string> } {
    const path = pathOf(request)
    const allow = this.methods(path)
    if (allow.length > 0) {
      const asked = `${path === '/' ? 'The page' : 'This route'} is asked with ${allow.join(', ')}.`
      // The address of an MCP server is often given without its path.
      const meant = path === '/' && mediaTypeOf(request).name === 'application/json'
      const message = meant ? `${asked} MCP speaks at /mcp; events are published with POST /events.` : asked
      return { refusal: new HubError('method-not-allowed', message), headers: { allow: allow.join(', ') } }
    }
    const names = [...new Set(this.#routes.map((route) => firstSegment(route.path)))]
    const nearest = nearestName(firstSegment(path), names)
    const known = nearest === undefined ? `There are ${names.sort().join(' ')}.` : `Did you mean ${nearest}?`
    return { refusal: new HubError('not-found', `There is no such route. ${known}`), headers: {} }
  }
}

function matches(pattern: string, path: string): boolean {
  if (pattern.endsWith('/*')) return path.startsWith(pattern.slice(0, -1))
  if (!pattern.includes('/:')) return path === pattern || path === `${pattern}/`
  const names = pattern.split('/')
  const segments = (path.endsWith('/') ? path.slice(0, -1) : path).split('/')
  return (
    segments.length === names.length &&
    names.every((name, at) => (name.startsWith(':') ? segments[at] !== '' : name === segments[at]))
  )
}

function firstSegment(path: string): string {
  return `/${path.split('/', 2)[1] ?? ''}`
}
