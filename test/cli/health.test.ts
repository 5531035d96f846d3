import { expect, test } from 'bun:test'
import { runCommand } from '../support/command.ts'
import { freePort } from '../support/port.ts'
import { scriptedHub } from '../support/scripted-hub.ts'
import { secret } from '../support/secrets.ts'
import { tempDir } from '../support/temp-dir.ts'

async function health(args: readonly string[], env: Record<string, string> = {}) {
  using dir = tempDir()
  return await runCommand(['health', ...args], { cwd: dir.path, env })
}

test('a hub that is ready is exit 0, asked at /readyz with no key', async () => {
  await using hub = scriptedHub(() => Response.json({ status: 'ready' }))
  const env = { MCP_SSE_URL: hub.url, MCP_SSE_KEY: secret() }
  expect(await health([], env)).toEqual({ stdout: `${hub.url} is ready\n`, stderr: '', exitCode: 0 })
  const json = await health(['--json', '--url', `${hub.url}/`])
  expect(JSON.parse(json.stdout)).toEqual({ url: hub.url, status: 'ready' })
  expect(hub.requests.map(({ path }) => path)).toEqual(['/readyz', '/readyz'])
  for (const { headers } of hub.requests) expect(headers.get('authorization')).toBeNull()
})

test.each(['draining', 'failed'])('a hub that is %s is exit 1, with the word', async (status) => {
  await using hub = scriptedHub(() => Response.json({ status }, { status: 503 }))
  expect(await health(['--json', '--url', hub.url])).toEqual({
    stdout: '',
    stderr: `mcp-sse: The hub at ${hub.url} is ${status}.\nTry: curl ${hub.url}/readyz\n`,
    exitCode: 1,
  })
})

test('without a URL it asks this machine on PORT, as the hub beside it listens', async () => {
  await using hub = scriptedHub(() => Response.json({ status: 'ready' }))
  const { port } = new URL(hub.url)
  expect(await health([], { PORT: port })).toMatchObject({ exitCode: 0 })
  const other = `http://127.0.0.1:${freePort()}`
  const elsewhere = await health(['--url', other], { PORT: port })
  expect(elsewhere.exitCode).toBe(1)
  expect(elsewhere.stderr).toStartWith(`mcp-sse: No hub answers at ${other} (ECONNREFUSED).\nTry: `)
})

test('a proxy in the environment is not asked about a hub on this machine', async () => {
  await using hub = scriptedHub(() => Response.json({ status: 'ready' }))
  const proxy = `http://127.0.0.1:${freePort()}`
  const env = { HTTP_PROXY: proxy, http_proxy: proxy, ALL_PROXY: proxy }
  expect(await health(['--url', hub.url], env)).toMatchObject({ exitCode: 0 })
})

test.each([
  ['a page', () => new Response('<html>\u001b[31mhello', { status: 200 })],
  ['other JSON', () => Response.json({ ok: true })],
  ['a redirect', () => Response.redirect('http://127.0.0.1:1/login')],
])('%s is not the answer of a hub', async (_, answer) => {
  await using hub = scriptedHub(answer)
  const ended = await health(['--url', hub.url])
  expect([ended.exitCode, ended.stdout]).toEqual([1, ''])
  expect(ended.stderr).toContain('which is not the answer of a hub')
  expect(ended.stderr).not.toContain('\u001b')
})

test('a hub that does not answer is given 5 s, also in the middle of its answer', async () => {
  const never = new Promise<Response>(() => {})
  await using silent = scriptedHub(() => never)
  await using slow = scriptedHub(
    () => new Response(new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from('{"sta')) })),
  )
  const ended = await Promise.all([silent, slow].map(({ url }) => health(['--url', url])))
  for (const { exitCode, stderr } of ended) {
    expect(stderr).toContain('did not answer within 5 s.\nTry: curl http://127.0.0.1:')
    expect(exitCode).toBe(1)
  }
})
