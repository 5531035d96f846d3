import { Elysia } from 'elysia'
import type { Access } from '../../auth/access.ts'
import { jsonAnswer } from '../json-answer.ts'
import type { Operation, Paths } from './operation.ts'
import { paths } from './paths.ts'
import { type JsonObject, schemas } from './schemas.ts'

/** One of them a request. Which ones a route takes stands at the route. */
const schemes: JsonObject = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An API key, or a token (JWT).' },
  ticket: { type: 'apiKey', in: 'query', name: 'ticket', description: 'From POST /tickets, for GET /events alone.' },
  key: {
    type: 'apiKey',
    in: 'query',
    name: 'key',
    description: 'An API key that may do nothing but publish, for senders that cannot set headers.',
  },
}

function cookieScheme(name: string): JsonObject {
  return { type: 'apiKey', in: 'cookie', name, description: 'A token; from own and listed origins.' }
}

/**
 * The whole HTTP surface as OpenAPI 3.1. A test holds it against the routes that are registered. `cookie` is the name of the
 * one that may hold a token; without it no route takes any.
 */
export function openapiDocument(version: string, cookie: string | undefined): JsonObject {
  return {
    openapi: '3.1.0',
    info: {
      title: 'mcp-sse',
      version,
      description: 'Publish events with a POST; read them over Server-Sent Events. Nothing acknowledged is lost.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    paths: cookie === undefined ? withoutCookie(paths) : paths,
    components: {
      schemas,
      securitySchemes: cookie === undefined ? schemes : { ...schemes, cookie: cookieScheme(cookie) },
    },
  }
}

/** A scheme that no component declares makes the document invalid. */
function withoutCookie(all: Paths): Paths {
  const taken = ({ security, ...operation }: Operation): Operation =>
    security ? { ...operation, security: security.filter((scheme) => !('cookie' in scheme)) } : operation
  const operations = (of: Paths[string]) => Object.entries(of).map(([method, operation]) => [method, taken(operation)])
  return Object.fromEntries(Object.entries(all).map(([path, of]) => [path, Object.fromEntries(operations(of))]))
}

export function openapi(version: string, access: Pick<Access, 'cookie'>): Elysia {
  const app = new Elysia({ name: 'http/openapi' })
  app.get('/openapi.json', () => jsonAnswer(JSON.stringify(openapiDocument(version, access.cookie))))
  return app
}
