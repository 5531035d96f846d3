import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../support/command.ts'
import { freePort } from '../support/port.ts'
import { scriptedHub } from '../support/scripted-hub.ts'
import { secret } from '../support/secrets.ts'
import { tempDir } from '../support/temp-dir.ts'

async function health(args: readonly string[], env: Record<string, string> = {}, settings?: string) {
  using dir = tempDir()
  if (settings !== undefined) writeFileSync(join(dir.path, 'mcp-sse.toml'), settings)
  return await runCommand(['health', ...args], { cwd: dir.path, env })
}

test('a hub that is ready is exit 0, asked at /readyz with no key', async () => {
  await using hub = scriptedHub(() => Response.json({ status: 'ready' }))
  const env = { MCP_SSE_KEY: secret() }
  expect(await health(['--url', hub.url], env)).toEqual({ stdout: `${hub.url} is ready\n`, stderr: '', exitCode: 0 })
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

test('without a URL it asks where serve listens by the same file and variables, first address or second', async () => {
  await using hub = scriptedHub(() => Response.json({ status: 'ready' }))
  const { port } = new URL(hub.url)
  const ready = { stdout: `${hub.url} is ready\n`, stderr: '', exitCode: 0 }
  expect(await health([], {}, `port = ${port}\n`)).toEqual(ready)
  // What is wrong elsewhere, the hub that runs has not read.
  expect(await health([], { HOST: '::1,127.0.0.1' }, `port = ${port}\nprot = 1\n`)).toEqual(ready)
  expect(await health([], { HOST: '0.0.0.0', PORT: port }, 'port = 1\n')).toEqual(ready)
  expect(await health(['--config', 'mcp-sse.toml'], { MCP_SSE_PORT: '1' }, `port = ${port}\n`)).toEqual(ready)
  const elsewhere = await health([], { HOST: '127.0.0.2', PORT: port })
  expect(elsewhere).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining(`http://127.0.0.2:${port} (ECONNREF`),
  })
  const tls = await health([], { PORT: port }, '[tls]\ncert = "a.pem"\n')
  expect(tls.stderr).toContain(`https://127.0.0.1:${port}`)
})

test('another hub that clients are told of is not asked in the place of the one on this machine', async () => {
  await using other = scriptedHub(() => Response.json({ status: 'ready' }))
  const port = String(freePort())
  const ended = await health([], { MCP_SSE_URL: other.url, PORT: port })
  expect(ended).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(`http://127.0.0.1:${port} (`) })
  expect(other.requests).toEqual([])
})

test('it says so when it asks another hub than MCP_SSE_URL names, and only then', async () => {
  await using hub = scriptedHub(() => Response.json({ status: 'ready' }))
  const { port } = new URL(hub.url)
  const asked = (env: Record<string, string>, args: readonly string[] = []) =>
    health(args, { HOST: '127.0.0.1', PORT: port, ...env })
  expect(await asked({ MCP_SSE_URL: 'http://user:pass@dead.example/?ticket=x' })).toEqual({
    stdout: `${hub.url} is ready\n`,
    stderr: `mcp-sse: this asks ${hub.url}, where serve listens on this machine, not MCP_SSE_URL (http://…@dead.example/?…): that takes --url.\n`,
    exitCode: 0,
  })
  for (const same of [hub.url, `${hub.url}/mcp`, `http://localhost:${port}/`, '']) {
    expect((await asked({ MCP_SSE_URL: same })).stderr).toBe('')
  }
  expect((await asked({ MCP_SSE_URL: 'http://dead.example' }, ['--url', hub.url])).stderr).toBe('')
})

test('where it cannot know the place it is exit 1 and says why, with something to type', async () => {
  for (const [env, settings, sentence] of [
    [{ PORT: '0' }, '', 'The port is 0, a free one: only the hub has said which.'],
    [{}, 'port = ', 'this is not TOML'],
    [{}, 'port = "none"', 'port = none is refused'],
  ] as const) {
    const { exitCode, stderr } = await health([], env, settings)
    expect(exitCode).toBe(1)
    expect(stderr).toContain(sentence)
    expect(stderr).toEndWith('Try: mcp-sse health --url http://127.0.0.1:3000\n')
  }
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
