import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { StallingReader } from '../../support/stalling-reader.ts'
import { until } from '../../support/until.ts'
import { initializeMessage, type SessionClient } from './session-client.ts'
import { type SessionHub, sessionHub } from './session-hub.ts'

let served: SessionHub
beforeEach(async () => {
  served = await sessionHub()
})
afterEach(async () => {
  expect(served.reports).toEqual([])
  await served.close()
})

const PIECE = 8192

function lines(client: SessionClient, more = ''): string {
  return `mcp-session-id: ${client.id}\r\ncontent-type: application/json\r\n${more}`
}

/** Reads on to where the server ended it: more than the kernel held (3.8 MB on loopback), and less than there was. */
async function expectCutOff(stalled: StallingReader): Promise<void> {
  stalled.resume()
  await until('the end', () => stalled.closed || stalled.text.endsWith('\r\n0\r\n\r\n'))
  stalled.hangUp()
  expect(stalled.bytes).toBeLessThan(12_000_000)
}

/** Some 16 MB by a call of its own. */
const flood = { count: 2000, size: PIECE }

describe('a reader that stops reading is cut off', () => {
  test('from the answer to a call, which goes on without it', async () => {
    const client = await served.begin()
    const call = client.tool('steps', flood, { id: 1, progress: true })
    const stalled = await StallingReader.stalled(served.port, '/mcp', {
      needle: 'progress',
      headers: lines(client),
      body: JSON.stringify(call),
    })
    // Its id is free once it has been answered.
    await until('the call to end', async () => (await client.post(client.request('ping', {}, 1))).status === 200)
    await expectCutOff(stalled)
    const again = await client.listen(`1.${flood.count}`)
    await again.end()
    expect(again.messages.map(({ id }) => id)).toEqual([1])
  })

  test('from the answer it came back for', async () => {
    const client = await served.begin()
    const stream = await client.stream(client.tool('step then hold', { name: 'a' }, { id: 'a', progress: true }))
    await until('it to wait', () => stream.lastId === '1.1')
    const stalled = await StallingReader.stalled(served.port, '/mcp', {
      needle: 'MCP speaks',
      headers: lines(client, 'last-event-id: 1.1\r\n'),
    })
    const { asking } = served.held.get('a')!
    for (let done = 0; done < flood.count; done++) await asking.progress?.(done, flood.count, 'x'.repeat(PIECE))
    await expectCutOff(stalled)
    expect(await client.call('echo', { text: 'still there' })).toBe('still there')
  })

  test('from the stream of its session, which stays', async () => {
    const client = await served.begin()
    const stalled = await StallingReader.stalled(served.port, '/mcp', { needle: 'MCP speaks', headers: lines(client) })
    expect((await client.post(client.tool('ask a lot', flood))).status).toBe(200)
    await expectCutOff(stalled)
    expect(await client.call('echo', { text: 'still there' })).toBe('still there')
  })

  test('from the one stream of 2024-11-05, and its session with it', async () => {
    const stalled = await StallingReader.stalled(served.port, '/sse', { needle: 'sessionId=' })
    const endpoint = await until('its endpoint', () => /\/messages\?sessionId=[\w-]{22}/.exec(stalled.text)?.[0])
    const post = (body: unknown) =>
      served.fetch(endpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    await post(initializeMessage('2024-11-05'))
    const params = { name: 'steps', arguments: flood, _meta: { progressToken: 'p' } }
    await post({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
    await until('the session to be gone', () => served.sessions.size === 0)
    expect((await post({ jsonrpc: '2.0', id: 2, method: 'ping' })).status).toBe(404)
    await expectCutOff(stalled)
  })
})
