import { describe, expect, test } from 'bun:test'
import { hubUrl } from '../../../src/cli/client/hub-url.ts'
import { runCommand } from '../../support/command.ts'
import { scriptedHub } from '../../support/scripted-hub.ts'
import { tempDir } from '../../support/temp-dir.ts'

const read = (text: string) => hubUrl(['MCP_SSE_URL', text]).href

test.each([
  ['http://127.0.0.1:3000', 'http://127.0.0.1:3000/'],
  ['http://127.0.0.1:3000/mcp', 'http://127.0.0.1:3000/'],
  ['http://127.0.0.1:3000/mcp/', 'http://127.0.0.1:3000/'],
  ['http://127.0.0.1:3000/sse', 'http://127.0.0.1:3000/'],
  ['https://example.com/hub/', 'https://example.com/hub'],
  ['https://example.com/hub/mcp?x=1#y', 'https://example.com/hub'],
  ['https://example.com/my-events', 'https://example.com/my-events'],
])('%s is the hub at %s', (text, url) => {
  expect(read(text)).toBe(url)
})

describe('the address of events is no hub, and the refusal names the hub', () => {
  test.each([
    ['http://127.0.0.1:3000/events', 'http://127.0.0.1:3000'],
    ['http://127.0.0.1:3000/events/', 'http://127.0.0.1:3000'],
    ['http://127.0.0.1:3000//events?topic=a', 'http://127.0.0.1:3000/'],
    ['http://127.0.0.1:3000/events/orders/42', 'http://127.0.0.1:3000'],
    ['http://127.0.0.1:3000/events/mcp', 'http://127.0.0.1:3000'],
    ['https://example.com/hub/events', 'https://example.com/hub'],
  ])('%s', (text, hub) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({
        exitCode: 2,
        message: expect.stringContaining("MCP_SSE_URL is the address of a hub's events, not of the hub"),
        hint: `mcp-sse topics --url ${hub}`,
      }),
    )
  })
})

test.each(['topics', 'subscribe a', 'publish a b', 'stdio'])(
  'no client command sends anything to the address of events: %s',
  async (line) => {
    await using hub = scriptedHub(() => new Response(null, { status: 201 }))
    using dir = tempDir()
    const env = { MCP_SSE_URL: `${hub.url}/events` }
    const { exitCode, stderr } = await runCommand(line.split(' '), { cwd: dir.path, env })
    expect([exitCode, hub.requests.length]).toEqual([2, 0])
    expect(stderr).toEndWith(`Try: mcp-sse topics --url ${hub.url}\n`)
  },
)

test('the address that MCP clients are given does for the other commands too', async () => {
  await using hub = scriptedHub(() => Response.json({ topics: [] }))
  using dir = tempDir()
  const { exitCode } = await runCommand(['topics', '--url', `${hub.url}/mcp`], { cwd: dir.path })
  expect(exitCode).toBe(0)
  expect(hub.requests.map(({ path }) => path)).toEqual(['/topics'])
})
