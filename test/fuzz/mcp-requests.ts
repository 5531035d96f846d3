import { initializeMessage } from '../mcp/sessions/session-client.ts'
import type { ServedHub } from '../support/served-hub.ts'
import { statelessRequest } from '../support/stateless-hub.ts'
import { until } from '../support/until.ts'
import type { Parts } from './hostile.ts'
import { takenPlaces } from './places.ts'

/** In place of ids that are drawn anew: inputs are the same in every run. */
const SESSION = '<session>'
const DOOMED = '<doomed>'
const STREAM = '<stream>'
const JSON_BODY = 'content-type: application/json\r\naccept: application/json, text/event-stream'

/** Sessions that live while requests come by other connections, and are ended with them. */
export interface McpSessions {
  /** Requests of every version, with `headers`, in them. */
  requests(headers: string): Parts[]
  /** A request with the ids that are meant. */
  named(parts: Parts): Parts
  /** Ends them and all that was begun. @throws Error when something is left */
  end(): Promise<void>
}

/** `authorization` as its header has it; '' for none. */
export async function mcpSessions(served: ServedHub, authorization: string): Promise<McpSessions> {
  const headers: Record<string, string> = authorization === '' ? {} : { authorization }
  const abort = new AbortController()
  const stream = await served.fetch('/sse', {
    headers: { ...headers, accept: 'text/event-stream' },
    signal: abort.signal,
  })
  const endpoint = Promise.withResolvers<string>()
  const read = readAll(stream, endpoint.resolve).catch((error) => {
    if (!abort.signal.aborted) throw error
  })
  const ids = new Map([
    [SESSION, await begun(served, headers)],
    [DOOMED, await begun(served, headers)],
    [STREAM, await endpoint.promise],
  ])
  return {
    requests: (more) => requestsWith(more),
    named: (parts) => parts.map((part) => [...ids].reduce((text, [name, id]) => text.replaceAll(name, id), part)),
    async end() {
      abort.abort()
      await read
      await served.mcp.reconsider(() => 'credential-revoked')
      await until(
        'sessions and places among the connections are given back',
        () => served.mcp.sessions.size === 0 && takenPlaces(served.hub) === 0,
      )
    },
  }
}

async function begun(served: ServedHub, headers: Record<string, string>): Promise<string> {
  const answer = await served.fetch('/mcp', {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify(initializeMessage('2025-11-25')),
  })
  const id = answer.headers.get('mcp-session-id')
  await answer.text()
  if (!id) throw new Error(`No session begins: ${answer.status}`)
  return id
}

/** A stream nobody reads is cut off. */
async function readAll({ body }: Response, found: (id: string) => void): Promise<void> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body!) {
    if (text.length < 1000) text += decoder.decode(chunk, { stream: true })
    const id = /sessionId=(\S+)/.exec(text)?.[1]
    if (id) found(id)
  }
}

function requestsWith(headers: string): Parts[] {
  const json = `${headers}\r\n${JSON_BODY}`
  const session = `${json}\r\nmcp-session-id: ${SESSION}\r\nmcp-protocol-version: 2025-11-25`
  const listening = `${headers}\r\naccept: text/event-stream\r\nmcp-session-id: ${SESSION}`
  const messages = [
    message('tools/list', {}),
    message('tools/call', { name: 'publish_event', arguments: { topic: 'orders/42', data: { a: 1 } } }),
    message('tools/call', { name: 'read_events', arguments: { topics: ['orders/**'], limit: 5 } }),
    message('resources/read', { uri: 'events://topics/orders/**' }),
    message('resources/subscribe', { uri: 'events://topics/orders/42' }),
    message('completion/complete', {
      ref: { type: 'ref/prompt', name: 'watch_topic' },
      argument: { name: 'topic', value: 'orders/' },
    }),
    { jsonrpc: '2.0', method: 'notifications/initialized' },
  ]
  return [
    ...['2025-11-25', '2025-03-26'].map((version) => [
      'POST',
      '/mcp',
      json,
      JSON.stringify(initializeMessage(version)),
    ]),
    ...messages.map((each) => ['POST', '/mcp', session, JSON.stringify(each)]),
    ['GET', '/mcp', `${listening}\r\nlast-event-id: 0.1`, ''],
    ['GET', '/mcp', listening, ''],
    ['DELETE', '/mcp', `${headers}\r\nmcp-session-id: ${DOOMED}`, ''],
    ['GET', '/sse', `${headers}\r\naccept: text/event-stream`, ''],
    ...messages.slice(1, 4).map((each) => ['POST', `/messages?sessionId=${STREAM}`, json, JSON.stringify(each)]),
    ...statelessRequests(headers),
  ]
}

function statelessRequests(headers: string): Parts[] {
  return [
    statelessRequest('server/discover'),
    statelessRequest('tools/call', { name: 'list_topics', arguments: { pattern: 'orders/**', limit: 5 } }),
    statelessRequest('prompts/get', { name: 'watch_topic', arguments: { topic: 'orders/42' } }),
    statelessRequest('subscriptions/listen', { notifications: { resourceSubscriptions: ['events://topics'] } }),
  ].map((request) => {
    const lines = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`)
    return ['POST', '/mcp', [headers, ...lines].join('\r\n'), request.body]
  })
}

/** With an id that says what it is: several are on their way at one time. */
function message(method: string, params: object) {
  return { jsonrpc: '2.0', id: `${method} ${JSON.stringify(params).length}`, method, params }
}
