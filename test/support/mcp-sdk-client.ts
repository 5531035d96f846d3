import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport as SSEClientTransportV1 } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport as StreamableHTTPClientTransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { bearer } from './access.ts'
import { type McpClient, type McpSubscription, type RawToolAnswer, textOf, toolAnswer } from './mcp-client.ts'

const INFO = { name: 'mcp-sse-test', version: '1.0.0' }

/** What the official clients of both generations have in common. */
interface SdkClient {
  listTools(): Promise<{ tools: { name: string }[] }>
  callTool(params: { name: string; arguments: Record<string, unknown> }): Promise<RawToolAnswer>
  listResources(): Promise<{ resources: { uri: string }[] }>
  listResourceTemplates(): Promise<{ resourceTemplates: { uriTemplate: string }[] }>
  readResource(params: { uri: string }): Promise<{ contents: unknown[] }>
  complete(params: {
    ref: { type: 'ref/resource'; uri: string }
    argument: { name: string; value: string }
  }): Promise<{ completion: { values: string[] } }>
  getPrompt(params: { name: string; arguments: Record<string, string> }): Promise<{ messages: unknown[] }>
  close(): Promise<void>
}

/** A subscription whose notifications and end are written down by whoever hears of them. */
class Heard implements McpSubscription {
  readonly told: string[] = []
  ended: string | undefined
}

interface Adapted {
  client: SdkClient
  version: string
  /** Takes the URI of every notification. */
  heard: Map<string, Heard>
  subscribe: (uri: string, heard: Heard) => Promise<unknown>
}

function adapted({ client, version, heard, subscribe }: Adapted): McpClient {
  return {
    version,
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, input) => toolAnswer(await client.callTool({ name, arguments: input })),
    resources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
    templates: async () =>
      (await client.listResourceTemplates()).resourceTemplates.map(({ uriTemplate }) => uriTemplate),
    read: async (uri) => textOf((await client.readResource({ uri })).contents),
    complete: async (uri, name, value) =>
      (await client.complete({ ref: { type: 'ref/resource', uri }, argument: { name, value } })).completion.values,
    prompt: async (name, values) => textOf((await client.getPrompt({ name, arguments: values })).messages),
    subscribe: async (uri) => {
      const subscription = new Heard()
      heard.set(uri, subscription)
      await subscribe(uri, subscription)
      return subscription
    },
    close: () => client.close(),
  }
}

function headers(key: string | undefined): { headers: Record<string, string> } {
  return { headers: key === undefined ? {} : bearer(key) }
}

/** The official TypeScript client of the 1.x generation; `/sse` at the end of the URL: over HTTP+SSE. */
export async function sdkV1Client(url: URL, key?: string): Promise<McpClient> {
  const Transport = url.pathname.endsWith('/sse') ? SSEClientTransportV1 : StreamableHTTPClientTransportV1
  const transport = new Transport(url, { requestInit: headers(key) })
  let version = ''
  // The one place where the 1.x client says what was negotiated.
  const { setProtocolVersion } = transport
  transport.setProtocolVersion = (agreed) => {
    version = agreed
    setProtocolVersion.call(transport, agreed)
  }
  const client = new ClientV1(INFO)
  const heard = new Map<string, Heard>()
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params: { uri } }) => {
    heard.get(uri)?.told.push(uri)
  })
  client.onclose = () => {
    for (const subscription of heard.values()) subscription.ended = 'closed'
  }
  await client.connect(transport)
  return adapted({ client, version, heard, subscribe: (uri) => client.subscribeResource({ uri }) })
}

export interface SdkV2Options {
  mode: 'auto' | 'legacy' | { pin: string }
  /** Of the versions that begin with `initialize`: the only one it knows. */
  only?: string
}

/** The official TypeScript client of the 2.x generation; `/sse` at the end of the URL: over HTTP+SSE. */
export async function sdkV2Client({ mode, only }: SdkV2Options, url: URL, key?: string): Promise<McpClient> {
  const Transport = url.pathname.endsWith('/sse') ? SSEClientTransport : StreamableHTTPClientTransport
  const transport = new Transport(url, { requestInit: headers(key) })
  const client = new Client(INFO, {
    versionNegotiation: { mode },
    ...(only ? { supportedProtocolVersions: [only] } : {}),
  })
  const heard = new Map<string, Heard>()
  client.setNotificationHandler('notifications/resources/updated', ({ params: { uri } }) => {
    heard.get(uri)?.told.push(uri)
  })
  client.onclose = () => {
    for (const subscription of heard.values()) subscription.ended ??= 'closed'
  }
  await client.connect(transport)
  const listen = async (uri: string, subscription: Heard) => {
    const { honoredFilter, closed } = await client.listen({ resourceSubscriptions: [uri] })
    if (!honoredFilter.resourceSubscriptions?.includes(uri)) throw new Error(`The server does not honour ${uri}.`)
    void closed.then((how) => {
      subscription.ended = how
    })
  }
  const modern = client.getProtocolEra() === 'modern'
  return adapted({
    client,
    version: client.getNegotiatedProtocolVersion() ?? '',
    heard,
    subscribe: modern ? listen : (uri) => client.subscribeResource({ uri }),
  })
}
