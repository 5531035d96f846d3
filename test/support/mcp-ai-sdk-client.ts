import { createMCPClient } from '@ai-sdk/mcp'
import { bearer } from './access.ts'
import { type McpClient, textOf, toolAnswer } from './mcp-client.ts'

/** The client of the AI SDK. `discovery: false`: without asking for 2026-07-28 first. */
export async function aiSdkClient({ discovery }: { discovery: boolean }, url: URL, key?: string): Promise<McpClient> {
  const sse = url.pathname.endsWith('/sse')
  let lost = false
  const client = await createMCPClient({
    transport: {
      type: sse ? 'sse' : 'http',
      url: url.href,
      ...(key === undefined ? {} : { headers: bearer(key) }),
    },
    protocolVersionDiscovery: discovery,
    onUncaughtError: () => {
      lost = true
    },
  })
  return {
    version: client.initializeResult.protocolVersion,
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, input) => toolAnswer(await client.callTool({ name, arguments: input })),
    resources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
    templates: async () =>
      (await client.listResourceTemplates()).resourceTemplates.map(({ uriTemplate }) => uriTemplate),
    read: async (uri) => textOf((await client.readResource({ uri })).contents),
    complete: async (uri, name, value) =>
      (await client.complete({ ref: { type: 'ref/resource', uri }, argument: { name, value } })).completion.values,
    prompt: async (name, values) => textOf((await client.getPrompt({ name, arguments: values })).messages),
    subscribe: async () => {
      const calls = Object.keys(client).concat(Object.getOwnPropertyNames(Object.getPrototypeOf(client)))
      const found = calls.filter((name) => /subscribeResource|resourceSubscri|listen$/i.test(name))
      throw new Error(found.length > 0 ? `It has ${found.join(', ')}.` : 'This client has no call to subscribe with.')
    },
    // To close a stream that was lost rejects a promise that 2.0.99 hands to nobody.
    close: async () => {
      if (!sse || !lost) await client.close()
    },
  }
}
