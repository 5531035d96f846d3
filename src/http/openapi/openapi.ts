import { Elysia } from 'elysia'
import { jsonAnswer } from '../json-answer.ts'
import { paths } from './paths.ts'
import { type JsonObject, schemas } from './schemas.ts'

/** One of them a request. Which ones a route takes stands at the route. */
const securitySchemes: JsonObject = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An API key, or a token (JWT).' },
  ticket: { type: 'apiKey', in: 'query', name: 'ticket', description: 'From POST /tickets, for GET /events alone.' },
  key: {
    type: 'apiKey',
    in: 'query',
    name: 'key',
    description: 'An API key that may do nothing but publish, for senders that cannot set headers.',
  },
  cookie: {
    type: 'apiKey',
    in: 'cookie',
    name: 'auth.jwt.cookie',
    description: 'A token, in the cookie that auth.jwt.cookie names; from own and listed origins.',
  },
}

/** The whole HTTP surface as OpenAPI 3.1. A test holds it against the routes that are registered. */
export function openapiDocument(version: string): JsonObject {
  return {
    openapi: '3.1.0',
    info: {
      title: 'mcp-sse',
      version,
      description: 'Publish events with a POST; read them over Server-Sent Events. Nothing acknowledged is lost.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    paths,
    components: { schemas, securitySchemes },
  }
}

export function openapi(version: string): Elysia {
  const app = new Elysia({ name: 'http/openapi' })
  app.get('/openapi.json', () => jsonAnswer(JSON.stringify(openapiDocument(version))))
  return app
}
