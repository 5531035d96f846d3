import { initializeMessage } from '../mcp/sessions/session-client.ts'
import { statelessRequest } from '../support/stateless-hub.ts'
import type { Parts } from './hostile.ts'
import { Conversation, OLD_SESSION, SESSION, TOGETHER } from './mcp-conversation.ts'
import { asked, BOTH, bodyFrom } from './mcp-exchange.ts'
import type { HubParsers } from './mcp-parsers.ts'
import { type ServedCatalogue, servedCatalogue } from './mcp-served-catalogue.ts'
import type { Parser } from './parser.ts'
import { Stream2024 } from './stream-2024.ts'

const messages: readonly object[] = [
  call('publish_event', { topic: 'orders/42', data: { a: 1 } }),
  call('read_events', { topics: ['orders/**'], since: 'earliest', max_bytes: 4096 }),
  call('wait_for_event', { topics: ['nothing/here'], timeout_seconds: 30 }, { progressToken: 'p' }),
  message('tools/list', { cursor: 'a' }),
  message('resources/read', { uri: 'events://topics/orders/**' }),
  message('resources/subscribe', { uri: 'events://topics/orders/42' }),
  message('resources/unsubscribe', { uri: 'events://topics/orders/42' }),
  message('prompts/get', { name: 'watch_topic', arguments: { topic: 'orders/**', instructions: 'Say it.' } }),
  message('completion/complete', {
    ref: { type: 'ref/resource', uri: 'events://topics/{+topic}' },
    argument: { name: 'topic', value: 'orders/' },
    context: { arguments: { a: 'b' } },
  }),
  { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1, reason: 'none' } },
  { jsonrpc: '2.0', id: 's-1', result: { action: 'accept', content: { a: 1 } } },
]

/** JSON-RPC over HTTP as each version of MCP has it: heads, bodies, session ids, places to go on from. */
export async function mcpExchangeParsers(): Promise<HubParsers> {
  const places = await Promise.all([servedCatalogue(), servedCatalogue(), servedCatalogue(), servedCatalogue()])
  const [posts, reads, stateless, streams] = places as [
    ServedCatalogue,
    ServedCatalogue,
    ServedCatalogue,
    ServedCatalogue,
  ]
  return {
    parsers: [
      sessionPosts(new Conversation(posts)),
      sessionReads(new Conversation(reads)),
      statelessPosts(stateless),
      ...streams2024(streams),
    ],
    async close() {
      for (const { close } of places) await close()
    },
  }
}

function sessionPosts(conversation: Conversation): Parser {
  const { mcp } = conversation
  const headers = `${BOTH}\r\nmcp-session-id: ${SESSION}\r\nmcp-protocol-version: 2025-11-25`
  const samples = [
    ...samplesOf(headers, messages),
    ...samplesOf(`${BOTH}\r\nmcp-session-id: ${OLD_SESSION}`, [
      [messages[0]!, { ...messages[1], id: 2 }, messages[9]!],
      [messages[6]!, { ...messages[5], id: 's' }],
    ]),
    ...samplesOf(BOTH, [initializeMessage('2025-11-25'), initializeMessage('2025-06-18')]),
  ]
  return {
    name: 'MCP, POST within a session',
    samples,
    grown: [samples[0]!, samples.at(-1)!],
    slow: true,
    read: (headers, ...leaf) =>
      conversation.within(async (named) => {
        const body = bodyFrom(leaf)
        const lines = named(headers)
        const answer = await asked((exchange) => mcp.post(exchange), 'POST', lines, body)
        if (answer.session && !lines.includes(answer.session)) await conversation.end(answer.session)
        return answer
      }),
  }
}

function sessionReads(conversation: Conversation): Parser {
  const { sessions } = conversation.mcp
  const headers = `accept: text/event-stream\r\nmcp-session-id: ${SESSION}\r\nmcp-protocol-version: 2025-11-25`
  return {
    name: 'MCP, GET and DELETE of a session',
    samples: [
      ['GET', `${headers}\r\nlast-event-id: 0.0`],
      ['GET', `${headers}\r\nlast-event-id: 1.1`],
      ['GET', `${headers}\r\nlast-event-id: 1.999999999999999`],
      ['GET', headers],
      ['DELETE', headers],
    ],
    grown: [['GET', `${headers}\r\nlast-event-id: 1.1`]],
    slow: true,
    read: (method, headers) =>
      conversation.within((named) =>
        method === 'DELETE'
          ? asked((exchange) => sessions.delete(exchange), 'DELETE', named(headers), undefined)
          : asked((exchange) => sessions.get(exchange), 'GET', named(headers), undefined),
      ),
  }
}

function statelessPosts({ mcp, requireForeseen, requireNothingLeft }: ServedCatalogue): Parser {
  const requests = [
    ...messages.slice(0, 9).map((each) => each as { method: string; params: Record<string, unknown> }),
    { method: 'server/discover', params: {} },
    { method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true } } },
    {
      method: 'subscriptions/listen',
      params: { notifications: { resourceSubscriptions: ['events://topics', 'events://topics/orders/**'] } },
    },
  ].map(({ method, params }) => statelessRequest(method, params))
  const samples = requests.map(({ headers, body }) => [
    Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}`)
      .join('\r\n'),
    body,
    '',
    '',
  ])
  let exchanges = 0
  return {
    name: 'MCP, POST without sessions',
    samples,
    grown: [samples[0]!, samples.at(-1)!],
    slow: true,
    read: async (headers, ...leaf) => {
      const answer = await asked((exchange) => mcp.post(exchange), 'POST', headers, bodyFrom(leaf))
      if (answer.session) throw new Error('A session was begun.')
      requireForeseen()
      if (++exchanges % TOGETHER === 0) await requireNothingLeft()
      return answer
    },
  }
}

/** HTTP+SSE of 2024-11-05: what is posted is answered on a stream. */
function streams2024({ mcp, requireForeseen, requireNothingLeft }: ServedCatalogue): Parser[] {
  let open: Stream2024 | undefined
  let exchanges = 0
  const samples = samplesOf(`sessionId=${SESSION}`, [
    ...messages,
    [messages[0]!, { ...messages[1], id: 2 }],
    initializeMessage('2024-11-05'),
  ])
  return [
    {
      name: 'MCP, POST beside a stream of 2024-11-05',
      samples,
      grown: [samples[0]!],
      slow: true,
      read: async (query, ...leaf) => {
        const body = bodyFrom(leaf)
        open ??= await Stream2024.begin(mcp)
        const id = new URLSearchParams(query.replaceAll(SESSION, open.id)).get('sessionId') ?? ''
        const answer = await open.post(id, body)
        await open.ping()
        requireForeseen()
        if (++exchanges % TOGETHER === 0) {
          open.end()
          open = undefined
          await requireNothingLeft()
        }
        return answer
      },
    },
    {
      name: 'MCP, GET /sse',
      samples: [['accept: text/event-stream'], ['accept: text/html, */*;q=0.1\r\nlast-event-id: 0.1']],
      slow: true,
      read: async (headers) => {
        open?.end()
        open = undefined
        const answer = await asked((exchange) => mcp.sessions.openSse(exchange), 'GET', headers, undefined)
        requireForeseen()
        await requireNothingLeft()
        return answer
      },
    },
  ]
}

function samplesOf(headers: string, bodies: readonly (object | readonly object[])[]): Parts[] {
  return bodies.map((body) => [headers, JSON.stringify(body), '', ''])
}

function message(method: string, params: object) {
  return { jsonrpc: '2.0', id: 1, method, params }
}

function call(name: string, input: object, _meta?: object) {
  return message('tools/call', { name, arguments: input, ...(_meta ? { _meta } : {}) })
}
