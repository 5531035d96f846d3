import { operation, type Paths, PUBLIC, problems } from './operation.ts'

const metadataAnswers = { 200: { description: 'Protected resource metadata (RFC 9728).' }, ...problems(404) }

/** Model Context Protocol, and what its clients look up before they ask. */
export const mcpPaths: Paths = {
  '/.well-known/oauth-protected-resource': {
    get: operation('Who issues tokens for the hub, when an issuer is configured.', metadataAnswers, PUBLIC),
  },
  '/.well-known/oauth-protected-resource/mcp': {
    get: operation('The same for its MCP endpoint.', metadataAnswers, PUBLIC),
  },
}
