import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Certificate, type Certificates, certificates } from '../support/certificates.ts'
import { Executable } from '../support/executable.ts'
import { expectGoodMetrics, promtool } from '../support/promtool.ts'
import { reload } from '../support/reload.ts'
import { expectSecret, registerSecret } from '../support/secrets.ts'
import { runExecutable } from '../support/startup.ts'
import { tempDir } from '../support/temp-dir.ts'
import { TlsFollower } from '../support/tls-follower.ts'
import { until } from '../support/until.ts'

let dir: ReturnType<typeof tempDir>
let authority: Certificates
let server: Executable | undefined
const followers: TlsFollower[] = []
beforeAll(() => {
  dir = tempDir()
  authority = certificates()
  writeFileSync(join(dir.path, 'ca.pem'), authority.ca)
})
afterEach(async () => {
  for (const follower of followers.splice(0)) follower.stop()
  await server?.remove()
  server = undefined
})
afterAll(() => {
  authority[Symbol.dispose]()
  dir[Symbol.dispose]()
})

const CERT = () => join(dir.path, 'cert.pem')
const KEY = () => join(dir.path, 'key.pem')

/** As a client of ACME leaves them: each replaced as a whole. */
function install({ cert, key }: Certificate): void {
  registerSecret(key, 'the key of a certificate')
  for (const [path, text] of [
    [CERT(), cert],
    [KEY(), key],
  ] as const) {
    writeFileSync(`${path}.next`, text, { mode: 0o600 })
    renameSync(`${path}.next`, path)
  }
}

async function serve(pair: Certificate, env: Record<string, string> = {}): Promise<Executable> {
  install(pair)
  server = await Executable.serve({ MCP_SSE_TLS_CERT: CERT(), MCP_SSE_TLS_KEY: KEY(), ...env })
  return server
}

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(server!.url + path, { ...init, tls: { ca: authority.ca } } as RequestInit)
}

/** When the certificate ends that a new connection is shown, as `openssl` reads it. */
async function shownUntil(): Promise<number> {
  const { port } = server!
  const connect = Bun.spawn(['openssl', 's_client', '-connect', `127.0.0.1:${port}`], {
    stdin: new Blob(['']),
    stderr: 'ignore',
  })
  const text = await new Response(connect.stdout).text()
  const read = Bun.spawn(['openssl', 'x509', '-noout', '-enddate'], { stdin: new Blob([text]) })
  return Date.parse((await new Response(read.stdout).text()).replace('notAfter=', ''))
}

/** What is written comes by another way than what is answered. */
async function says(text: string): Promise<void> {
  await until(`it to say: ${text}`, () => server!.output.includes(text))
}

async function metric(): Promise<number> {
  const text = await (await ask('/metrics')).text()
  if (promtool !== null) expectGoodMetrics(text)
  return Number(/^mcp_sse_tls_certificate_expiry_timestamp_seconds (\S+)$/m.exec(text)?.[1])
}

const command = (args: readonly string[], env: Record<string, string> = {}) =>
  runExecutable(args, { cwd: dir.path, env: { PATH: process.env.PATH ?? '', HOME: dir.path, ...env } })

test('fifty streams go on through renewals by SIGHUP: nothing is missing, nothing twice, new connections see the new one', async () => {
  const [first, second] = [authority.issue('IP:127.0.0.1', 30), authority.issue('IP:127.0.0.1', 60)]
  const { port } = await serve(first, { MCP_SSE_DURABILITY: 'memory' })
  const opened = Array.from({ length: 50 }, () => TlsFollower.open(port, '/events/ticks', authority.ca))
  followers.push(...(await Promise.all(opened)))
  expect(await metric()).toBe((await shownUntil()) / 1000)
  let published = 0
  let over = false
  const publishing = (async () => {
    while (!over) {
      const number = String(published + 1)
      const send = () => ask(`/events/ticks?id=n${number}`, { method: 'POST', body: number }).catch(() => undefined)
      // A connection that is kept may be closed by a renewal before it is used again: the id makes another try harmless.
      while (!(await send())?.ok) {}
      published++
    }
  })()
  const ends = [await shownUntil()]
  for (const pair of [second, first, second]) {
    const before = published
    await until('events to flow', () => published > before + 20)
    install(pair)
    expect(await reload(server!)).toContain('reloaded: ')
    const end = await until('the new certificate', async () => {
      const found = await shownUntil()
      return found === ends.at(-1) ? undefined : found
    })
    // Asked again for the same reason.
    expect(await until('an answer', metric)).toBe(end / 1000)
    ends.push(end)
  }
  expect([ends[2], ends[3]]).toEqual([ends[0], ends[1]])
  expect(ends[1]! - ends[0]!).toBeGreaterThan(29 * 86_400_000)
  over = true
  await publishing
  const all = Array.from({ length: published }, (_, index) => String(index + 1)).join()
  await until('everybody to have everything', () => followers.every(({ data }) => data.length >= published))
  for (const follower of followers) expect([follower.data.join(), follower.ended]).toEqual([all, false])
})

test('a pair that does not match is said by a reload, and the one before goes on', async () => {
  const [first, second] = [authority.issue('IP:127.0.0.1', 30), authority.issue('IP:127.0.0.1', 60)]
  await serve(first)
  const before = await shownUntil()
  install({ cert: second.cert, key: first.key })
  const said = await reload(server!)
  expect(said).toContain('the configuration was not reloaded and everything goes on as before:')
  expect(said).toContain(`MCP_SSE_TLS_KEY: tls.key = ${KEY()} is not the key of ${CERT()}.`)
  expect([await shownUntil(), (await ask('/readyz')).status]).toEqual([before, 200])
  install(second)
  const renewed = await reload(server!)
  expect(renewed).toMatch(/reloaded: the certificate in \S+cert\.pem, which ends \d{4}-\d\d-\d\d\n/)
  expect(renewed.trim().split('\n')).toHaveLength(1)
  expect(await shownUntil()).toBeGreaterThan(before)
})

test('all that it prints and makes is https, and its own pages are its own', async () => {
  await serve(authority.issue('IP:127.0.0.1', 30), {
    MCP_SSE_AUTH_JWT_ISSUER: 'https://login.example',
    MCP_SSE_AUTH_JWT_SECRET: registerSecret('s'.repeat(8) + crypto.randomUUID() + crypto.randomUUID()),
    MCP_SSE_AUTH_KEY: KEY_TEXT,
  })
  await says(`listens on https://127.0.0.1:${server!.port} and https://[::1]:${server!.port}`)
  await says(`  mcp    https://127.0.0.1:${server!.port}/mcp`)
  const headers = { authorization: `Bearer ${KEY_TEXT}` }
  const ticket = expectSecret(await ask('/tickets', { method: 'POST', headers, body: '{"topics":["a"]}' }))
  const { url } = (await ticket.json()) as { url: string }
  registerSecret(new URL(url).searchParams.get('ticket')!, 'a ticket')
  expect(new URL(url).origin).toBe(server!.url)
  const metadata = (await (await ask('/.well-known/oauth-protected-resource/mcp')).json()) as { resource: string }
  expect(metadata.resource).toBe(`${server!.url}/mcp`)
})

test('in open mode a page of its own may publish, and a page that says it is another host may not', async () => {
  await serve(authority.issue('IP:127.0.0.1', 30))
  const publish = (headers: Record<string, string>) => ask('/events/a', { method: 'POST', body: 'x', headers })
  expect((await publish({ origin: server!.url })).status).toBe(201)
  expect((await publish({ host: 'rebound.example' })).status).toBe(403)
  expect((await publish({ origin: 'https://rebound.example' })).status).toBe(403)
})

test('client commands check the certificate, and NODE_EXTRA_CA_CERTS names its authority; health beside it does not', async () => {
  const { url, port } = await serve(authority.issue('IP:127.0.0.1', 30))
  const unknown = await command(['publish', 'a', 'hello'], { MCP_SSE_URL: url })
  expect(unknown.exitCode).toBe(1)
  expect(unknown.stderr).toContain(`What answers at ${url} shows a certificate that is not trusted here (`)
  expect(unknown.stderr).toContain(`Try: NODE_EXTRA_CA_CERTS=<PEM file of its authority> mcp-sse topics --url ${url}`)
  const plain = await command(['topics', '--url', url.replace('https:', 'http:')])
  expect(plain.stderr).toEndWith(`it may speak https.\nTry: mcp-sse topics --url ${url}\n`)
  const trusting = { MCP_SSE_URL: url, NODE_EXTRA_CA_CERTS: join(dir.path, 'ca.pem') }
  expect((await command(['publish', 'a', 'hello'], trusting)).exitCode).toBe(0)
  const read = await command(['subscribe', 'a', '--count', '1', '--since', 'earliest', '--json'], trusting)
  expect(JSON.parse(read.stdout)).toMatchObject({ topic: 'a', data: 'hello' })
  const beside = { PORT: String(port), MCP_SSE_TLS_CERT: CERT() }
  expect(await command(['health'], beside)).toMatchObject({ exitCode: 0, stdout: `${url} is ready\n` })
  expect((await command(['health', '--url', url], beside)).exitCode).toBe(1)
})

test('a pipe as its key stops neither a reload nor config check', async () => {
  const pair = authority.issue('IP:127.0.0.1', 30)
  await serve(pair)
  rmSync(KEY())
  Bun.spawnSync(['mkfifo', KEY()])
  try {
    expect(await reload(server!)).toContain(`tls.key = ${KEY()} is a directory, a pipe or a device.`)
    expect((await ask('/readyz')).status).toBe(200)
    const env = { MCP_SSE_TLS_CERT: CERT(), MCP_SSE_TLS_KEY: KEY() }
    expect((await command(['config', 'check'], env)).exitCode).toBe(78)
  } finally {
    rmSync(KEY())
  }
})

test('a start with a pair that does not match is exit 78, and config check says the same; an expired one starts', async () => {
  const [first, second] = [authority.issue('IP:127.0.0.1', 30), authority.issue('IP:127.0.0.1', 60)]
  install({ cert: first.cert, key: second.key })
  const env = { MCP_SSE_TLS_CERT: CERT(), MCP_SSE_TLS_KEY: KEY(), DATA_DIR: join(dir.path, 'never') }
  for (const verb of [['serve'], ['config', 'check']]) {
    const { exitCode, stderr } = await command(verb, env)
    expect([exitCode, stderr]).toEqual([78, expect.stringContaining('is not the key of')])
  }
  await serve(authority.issue('IP:127.0.0.1', -1))
  await says(`the certificate in ${CERT()} has expired (`)
})

const KEY_TEXT = registerSecret('k'.repeat(8) + crypto.randomUUID())
