import type { TokenSettings } from './settings.ts'

/** The path of the resource that MCP clients ask for tokens for: they know the URL they were given, not the hub's. */
export const MCP_RESOURCE = '/mcp'

/** Where clients may be sent for tokens; `undefined` for an issuer that is a name and no http(s) URL. */
export function authorizationServer(issuer: string | undefined): string | undefined {
  const protocol = issuer === undefined ? undefined : URL.parse(issuer)?.protocol
  return protocol === 'https:' || protocol === 'http:' ? issuer : undefined
}

/**
 * The resource identifiers of this server (RFC 8707), as an authorization server writes them into `aud`; none without an
 * issuer to ask, or without an URL that the server knows for itself: by a `Host` header anyone could choose one.
 */
export function resourcesOf({ issuer }: TokenSettings, publicUrl: string | undefined): readonly string[] {
  return publicUrl === undefined || issuer === undefined ? [] : [publicUrl, publicUrl + MCP_RESOURCE]
}

/** Both ways to write a resource: authorization servers keep, add and drop the last slash. */
export function withAndWithoutSlash(resources: readonly string[]): string[] {
  return resources.flatMap((resource) => [resource, `${resource}/`])
}
