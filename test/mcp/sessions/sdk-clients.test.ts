import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ElicitRequestSchema, ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { until } from '../../support/until.ts'
import { type SessionHub, sessionHub } from './session-hub.ts'

const ONE = 'events://topics/orders/1'

let served: SessionHub
beforeEach(async () => {
  served = await sessionHub()
})
afterEach(async () => {
  expect(served.reports).toEqual([])
  await served.close()
})

const transports = {
  'Streamable HTTP': () => new StreamableHTTPClientTransport(new URL(`${served.url}/mcp`)),
  'HTTP+SSE': () => new SSEClientTransport(new URL(`${served.url}/sse`)),
}

describe.each(Object.entries(transports))('the 1.x client over %s', (_, transport) => {
  async function connected() {
    const client = new Client({ name: 'test', version: '1.0.0' }, { capabilities: { elicitation: {} } })
    const told: string[] = []
    const errors: unknown[] = []
    client.onerror = (error) => errors.push(error)
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void told.push(params.uri))
    client.setRequestHandler(ElicitRequestSchema, async () => ({ action: 'accept', content: { which: 'mine' } }))
    await client.connect(transport())
    return { client, told, errors }
  }
  type Called = { content: { text: string }[] }

  test('calls, is asked, hears of progress and of resources, and cancels', async () => {
    const { client, told, errors } = await connected()
    const call = async (name: string, input = {}) =>
      ((await client.callTool({ name, arguments: input })) as Called).content[0]!.text
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo')
    expect(await call('echo', { text: 'hi' })).toBe('hi')
    expect(await call('ask')).toBe('{"which":"mine"}')
    expect(await call('ask anywhere')).toBe('{"which":"mine"}')
    const progress: number[] = []
    const options = { onprogress: (each: { progress: number }) => void progress.push(each.progress) }
    const stepping = client.callTool({ name: 'step then hold', arguments: { name: 's' } }, undefined, options)
    await until('its step', () => progress.length > 0)
    served.held.get('s')!.release()
    await stepping
    expect(progress).toEqual([1])
    expect((await call('big', { bytes: 1_000_000 })).length).toBe(1_000_000)
    await client.subscribeResource({ uri: ONE })
    await served.fetch('/events/orders/1', { method: 'POST', body: 'x' })
    await until('it to be told', () => told.length > 0)
    const abort = new AbortController()
    const cancelled = client.callTool({ name: 'hold', arguments: { name: 'c' } }, undefined, { signal: abort.signal })
    const gone = cancelled.catch(String)
    await until('it to wait', () => served.held.has('c'))
    abort.abort()
    expect(await gone).toContain('abort')
    await until('it to be aborted', () => served.aborted.includes('c'))
    expect(await call('echo', { text: 'bye' })).toBe('bye')
    expect([told, errors]).toEqual([[ONE], []])
    await client.close()
  })
})

describe('the 1.x client', () => {
  test('finds the result of a call whose stream the server ended early', async () => {
    const client = new Client({ name: 'test', version: '1.0.0' })
    await client.connect(transports['Streamable HTTP']())
    const called = client.callTool({ name: 'pause', arguments: { name: 'p' } })
    await until('it to wait', () => served.held.has('p'))
    served.held.get('p')!.release('after all')
    expect(((await called) as { content: unknown }).content).toEqual([{ type: 'text', text: 'after all' }])
    await client.close()
  })

  test('whose call was cancelled comes back for the rest of its stream once, and is told that there is none', async () => {
    const asked: string[] = []
    const transport = new StreamableHTTPClientTransport(new URL(`${served.url}/mcp`), {
      fetch: async (url, init) => {
        const answer = await fetch(url, init)
        const last = new Headers(init?.headers as Record<string, string>).get('last-event-id')
        if (last) asked.push(`${last} ${answer.status}`)
        return answer
      },
    })
    const client = new Client({ name: 'test', version: '1.0.0' })
    await client.connect(transport)
    const abort = new AbortController()
    const options = { signal: abort.signal, onprogress: () => {} }
    const called = client.callTool({ name: 'step then hold', arguments: { name: 'c' } }, undefined, options)
    const gone = called.catch(String)
    await until('it to wait', () => served.held.has('c'))
    abort.abort()
    expect(await gone).toContain('abort')
    // Its stream ended without a result, so it asks for more, and is told that there is none.
    await until('it to come back', () => asked.length > 0)
    const listening = await client.callTool({ name: 'echo', arguments: { text: 'still there' } })
    expect([asked, (listening as { content: unknown[] }).content.length]).toEqual([['1.1 204'], 1])
    await transport.terminateSession()
    await client.close()
    expect(served.sessions.size).toBe(0)
  })
})
