import { Elysia } from 'elysia'
import type { Access } from '../auth/access.ts'
import { MCP_RESOURCE } from '../auth/resource.ts'
import { HubError } from '../core/errors.ts'
import type { Addresses } from './gate.ts'
import { jsonAnswer } from './json-answer.ts'
import { pathOf } from './parameters.ts'

/** RFC 9728 section 3: the path of a resource goes behind it. */
const METADATA = '/.well-known/oauth-protected-resource'

type Known = Pick<Access, 'authorizationServer' | 'urlFor'>

/** What a client has to know to get a token for this server (RFC 9728). Nothing, as long as no issuer is configured. */
export class ProtectedResource {
  readonly #access: Known

  constructor(access: Known) {
    this.#access = access
  }

  /**
   * `GET /.well-known/oauth-protected-resource` for the hub and `…/mcp` for its MCP endpoint. All other well-known paths are
   * a 404: clients ask for several in turn, and take anything else for the end of their search.
   */
  plugin(): Elysia {
    const app = new Elysia({ name: 'http/protected-resource' })
    for (const resource of ['', MCP_RESOURCE]) {
      app.get(METADATA + resource, ({ request, server }) => this.#metadata(resource, request, server))
    }
    app.get('/.well-known/*', () => {
      throw unknown()
    })
    return app
  }

  /**
   * The URL of what a client refused at `request` is to read; `undefined` without an issuer. Clients compare its `resource`
   * with the URL they were given, which must be it or below it: `/sse` is not below `/mcp`, but below the hub.
   */
  metadataUrl(request: Request, server: Addresses | null): string | undefined {
    if (this.#access.authorizationServer === undefined) return undefined
    const path = pathOf(request)
    const resource = path === MCP_RESOURCE || path === `${MCP_RESOURCE}/` ? MCP_RESOURCE : ''
    const url = this.#urlFor(request, server)
    return url && url + METADATA + resource
  }

  #metadata(resource: string, request: Request, server: Addresses | null): Response {
    const { authorizationServer } = this.#access
    const url = this.#urlFor(request, server)
    if (authorizationServer === undefined || url === undefined) throw unknown()
    return jsonAnswer(
      JSON.stringify({
        resource: url + resource,
        authorization_servers: [authorizationServer],
        bearer_methods_supported: ['header'],
        resource_name: 'mcp-sse',
      }),
    )
  }

  #urlFor(request: Request, server: Addresses | null): string | undefined {
    return this.#access.urlFor(request.headers, server?.requestIP(request)?.address)
  }
}

/** The same for all, with an issuer or not: a client that asks is told no more than that it has to ask elsewhere. */
function unknown(): HubError {
  return new HubError(
    'not-found',
    'There is no such metadata here. This server issues no tokens; when auth.jwt.issuer is set, /.well-known/oauth-protected-resource says who does.',
  )
}
