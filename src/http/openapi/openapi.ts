import { Elysia } from 'elysia'
import { jsonAnswer } from '../json-answer.ts'
import { paths } from './paths.ts'
import { type JsonObject, schemas } from './schemas.ts'

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
    components: { schemas },
  }
}

export function openapi(version: string): Elysia {
  const app = new Elysia({ name: 'http/openapi' })
  app.get('/openapi.json', () => jsonAnswer(JSON.stringify(openapiDocument(version))))
  return app
}
