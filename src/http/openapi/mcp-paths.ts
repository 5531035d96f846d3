import { BY_HEADER, header, operation, type Paths, PUBLIC, problems, query } from './operation.ts'

const metadataAnswers = { 200: { description: 'Protected resource metadata (RFC 9728).' }, ...problems(404) }

const message = { required: true, content: { 'application/json': { schema: { type: 'object' } } } }

const answers = {
  200: {
    description: 'The answer, or a stream of messages that ends with it.',
    content: {
      'application/json': { schema: { type: 'object' } },
      'text/event-stream': { schema: { type: 'string' } },
    },
  },
  202: { description: 'Taken: there is nothing to answer.' },
  ...problems(400, 401, 404, 408, 413, 415, 503),
}

const messages = {
  200: { description: 'A stream of messages.', content: { 'text/event-stream': { schema: { type: 'string' } } } },
  ...problems(400, 401, 404, 503),
}

const session = header('Mcp-Session-Id', 'Of versions up to 2025-11-25, after initialize.')
const version = header('MCP-Protocol-Version', 'The version spoken.')

/** Model Context Protocol, and what its clients look up before they ask. */
export const mcpPaths: Paths = {
  '/mcp': {
    post: operation('MCP, Streamable HTTP: one message (2026-07-28, or of a session).', answers, {
      ...BY_HEADER,
      parameters: [session, version],
      requestBody: message,
    }),
    get: operation('The messages a session has for its client.', messages, {
      ...BY_HEADER,
      parameters: [session, version, header('Last-Event-ID', 'Go on after this message.')],
    }),
    delete: operation(
      'End a session.',
      { 204: { description: 'Gone.' }, ...problems(400, 401, 404, 503) },
      {
        ...BY_HEADER,
        parameters: [session],
      },
    ),
  },
  '/sse': { get: operation('MCP, HTTP+SSE of 2024-11-05: all messages of one session.', messages, BY_HEADER) },
  '/messages': {
    post: operation('A message to the session of a GET /sse.', answers, {
      ...BY_HEADER,
      parameters: [query('sessionId', 'As the stream said.')],
      requestBody: message,
    }),
  },
  '/.well-known/oauth-protected-resource': {
    get: operation('Who issues tokens for the hub, when an issuer is configured.', metadataAnswers, PUBLIC),
  },
  '/.well-known/oauth-protected-resource/mcp': {
    get: operation('The same for its MCP endpoint.', metadataAnswers, PUBLIC),
  },
}
