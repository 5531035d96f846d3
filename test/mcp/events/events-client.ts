import { statelessRequest } from '../../support/stateless-hub.ts'
import { until } from '../../support/until.ts'
import { BOTH, Incoming, initializeMessage, type Message, SessionClient } from '../sessions/session-client.ts'

export const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId'
export const EXTENSION = 'io.modelcontextprotocol/events'

type Fetch = (path: string, init?: RequestInit) => Promise<Response>
type Id = string | number

/** What a stream of events has brought so far. */
export interface EventsStream {
  /** Its notifications and, at the end, its result. */
  messages(): Message[]
  /** The server has ended it. */
  ended(): boolean
  /** As the version wants it. */
  cancel(): Promise<void>
}

/** One client of one version, by whatever its messages travel. */
export interface EventsClient {
  version: string
  /** The JSON-RPC answer. */
  ask(method: string, params?: Record<string, unknown>): Promise<Message>
  stream(params: Record<string, unknown>, id: Id): Promise<EventsStream>
  /** What is declared in answer to the beginning. */
  capabilities(): Promise<Message>
}

export interface EventsClientOptions {
  key?: string
  /** Whether it says that it knows the extension. */
  declares?: boolean
}

export type Connect = (fetch: Fetch, options?: EventsClientOptions) => Promise<EventsClient>

const declared = (declares: boolean) => (declares ? { extensions: { [EXTENSION]: {} } } : {})

const connectStateless: Connect = async (fetch, { key, declares = false } = {}) => {
  const meta = { 'io.modelcontextprotocol/clientCapabilities': declared(declares) }
  const options = { meta, ...(key ? { key } : {}) }
  let next = 1
  const ask = async (method: string, params = {}): Promise<Message> => {
    return answerOf(await fetch('/mcp', statelessRequest(method, params, { ...options, id: next++ })))
  }
  return {
    version: '2026-07-28',
    ask,
    async stream(params, id) {
      const abort = new AbortController()
      const request = statelessRequest('events/stream', params, { ...options, id, signal: abort.signal })
      return onItsOwn(new Incoming(await fetch('/mcp', request), abort))
    },
    capabilities: async () => (await ask('server/discover')).result.capabilities,
  }
}

function connectSession(version: string): Connect {
  return async (fetch, { key, declares = false } = {}) => {
    const client = new SessionClient(fetch, { version, ...(key ? { key } : {}) })
    const beginning = initializeMessage(version)
    const answer = await client.send('POST', {}, withCapabilities(beginning, declares))
    client.id = answer.headers.get('mcp-session-id')!
    const { result } = await answer.json()
    await client.post({ jsonrpc: '2.0', method: 'notifications/initialized' })
    return {
      version,
      ask: async (method, params = {}) => answerOf(await client.post(client.request(method, params))),
      async stream(params, id) {
        return onItsOwn(await client.stream(client.request('events/stream', params, id)))
      },
      capabilities: async () => result.capabilities,
    }
  }
}

/** One that takes its time streams. */
async function answerOf(response: Response): Promise<Message> {
  if (response.headers.get('content-type') !== 'text/event-stream') return response.json()
  const incoming = new Incoming(response, new AbortController())
  return onlyAnswer(incoming, (message) => 'id' in message && !('method' in message))
}

/** @throws at once when the stream ends without it: a hub that stops, or a caller that hangs up, ends many waits */
async function onlyAnswer(incoming: Incoming, is: (message: Message) => boolean): Promise<Message> {
  const found = () => incoming.messages.find(is)
  await until('an answer', () => found() || incoming.ended)
  const answer = found()
  if (!answer) throw new Error('The stream ended without an answer.')
  return answer
}

function withCapabilities(beginning: ReturnType<typeof initializeMessage>, declares: boolean) {
  return { ...beginning, params: { ...beginning.params, capabilities: declared(declares) } }
}

/** 2024-11-05: everything comes on one stream, and `_meta` says what belongs to which request. */
const connect2024: Connect = async (fetch, { key, declares = false } = {}) => {
  const headers: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {}
  const abort = new AbortController()
  const opened = await fetch('/sse', { headers: { ...headers, accept: 'text/event-stream' }, signal: abort.signal })
  const incoming = new Incoming(opened, abort)
  const { data } = await until('the endpoint', () => incoming.blocks.find(({ type }) => type === 'endpoint'))
  const post = (body: unknown) =>
    fetch(data!, {
      method: 'POST',
      headers: { ...headers, accept: BOTH, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  let next = 1000
  const send = async (message: { id: Id }): Promise<Message> => {
    const { status } = await post(message)
    // Another hub may be there by now, which does not know the session.
    if (status !== 202) throw new Error(`The message was answered ${status}.`)
    return onlyAnswer(incoming, (it) => it.id === message.id && !('method' in it))
  }
  const { result } = await send(withCapabilities(initializeMessage('2024-11-05', 0), declares))
  await post({ jsonrpc: '2.0', method: 'notifications/initialized' })
  return {
    version: '2024-11-05',
    ask: (method, params = {}) => send({ ...request(method, params), id: next++ }),
    async stream(params, id) {
      await post({ ...request('events/stream', params), id })
      const messages = () =>
        incoming.messages.filter((it) => it.params?._meta?.[SUBSCRIPTION_ID] === id || (it.id === id && !it.method))
      return {
        messages,
        ended: () => incoming.ended || messages().some((it) => it.id === id),
        cancel: async () => {
          await post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } })
        },
      }
    },
    capabilities: async () => result.capabilities,
  }
}

const request = (method: string, params: Record<string, unknown>) => ({ jsonrpc: '2.0', method, params })

function onItsOwn(incoming: Incoming): EventsStream {
  return {
    messages: () => incoming.messages,
    ended: () => incoming.ended,
    cancel: async () => incoming.drop(),
  }
}

/** Every way the extension is spoken. */
export const EVERY_WAY: readonly { name: string; connect: Connect }[] = [
  { name: '2026-07-28', connect: connectStateless },
  { name: '2025-11-25', connect: connectSession('2025-11-25') },
  { name: '2025-03-26', connect: connectSession('2025-03-26') },
  { name: '2024-11-05', connect: connect2024 },
]

export const [{ connect }] = EVERY_WAY as [(typeof EVERY_WAY)[number]]

/** Of all events of a topic or pattern. */
export const topicEvents = (topic: string, more: Record<string, unknown> = {}) => ({
  name: 'topic.event',
  arguments: { topic },
  ...more,
})

export const kindOf = ({ method }: Message): string | undefined => method?.replace('notifications/events/', '')

/** The `data.data` of those of `messages` that are events. */
export const dataOf = (messages: Message[]): unknown[] =>
  messages.filter((it) => kindOf(it) === 'event').map(({ params }) => params.data.data)

/** The first `count` messages. */
export async function first(stream: EventsStream, count: number): Promise<Message[]> {
  await until(`${count} messages`, () => stream.messages().length >= count)
  return stream.messages().slice(0, count)
}
