import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { bearer } from '../support/access.ts'
import { configuredKey, keysVariable } from '../support/configured-key.ts'
import { Executable } from '../support/executable.ts'
import { Followers } from '../support/followers.ts'
import { freePort } from '../support/port.ts'
import { expectProblem } from '../support/problem.ts'
import { expectSecret, inspect, registerSecret, secret } from '../support/secrets.ts'
import { runExecutable } from '../support/startup.ts'
import { tempDir } from '../support/temp-dir.ts'
import { until } from '../support/until.ts'

const BAD_CONFIG = 78

let server: Executable | undefined
const followers = new Followers()
afterEach(async () => {
  followers.stop()
  await server?.remove()
  server = undefined
})

/** A line as a person types it into a shell. `env` holds what it takes from there. */
async function typed(line: string, env: Record<string, string> = {}) {
  const child = Bun.spawn(['sh', '-c', line], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: 20_000,
    killSignal: 'SIGKILL',
  })
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { stdout, stderr, exitCode: await child.exited }
}

describe('a start that would leave the hub open by accident, or locked without a key, is refused: exit 78', () => {
  const key = secret('a key of a start')
  const cases: [string, { env?: Record<string, string>; flags?: string[]; says: RegExp[] }][] = [
    [
      'HOST=0.0.0.0 and nothing else',
      { env: { HOST: '0.0.0.0' }, says: [/HOST/, /Set MCP_SSE_AUTH_KEY/, /--auth-open/] },
    ],
    ['--host :: and nothing else', { flags: ['--host', '::'], says: [/--host/, /MCP_SSE_AUTH_KEY/, /--auth-open/] }],
    [
      '--auth-open beside a key',
      {
        env: { MCP_SSE_AUTH_KEY: key },
        flags: ['--auth-open'],
        says: [/--auth-open/, /MCP_SSE_AUTH_KEY/, /Remove one/],
      },
    ],
    ['a key that is too short', { env: { MCP_SSE_AUTH_KEY: 'tiny-and-secret' }, says: [/MCP_SSE_AUTH_KEY/, /16/] }],
    [
      'a key file that is not there',
      { env: { MCP_SSE_AUTH_KEY_FILE: 'key' }, says: [/MCP_SSE_AUTH_KEY_FILE/, /exist/] },
    ],
    [
      'a key and a key file',
      { env: { MCP_SSE_AUTH_KEY: key, MCP_SSE_AUTH_KEY_FILE: 'key' }, says: [/MCP_SSE_AUTH_KEY_FILE/] },
    ],
    [
      'a secret of tokens that is too short',
      { env: { MCP_SSE_AUTH_JWT_SECRET: 'tiny-and-secret' }, says: [/SECRET/, /32/] },
    ],
    [
      'public keys of an issuer whose name is not checked',
      {
        env: { MCP_SSE_AUTH_JWT_JWKS: 'https://login.example/jwks' },
        says: [/MCP_SSE_AUTH_JWT_ISSUER and MCP_SSE_AUTH_JWT_AUDIENCE/],
      },
    ],
    ['a grant to anonymous callers of an open hub', { flags: ['--auth-anonymous-publish', '**'], says: [/anonymous/] }],
  ]
  test.each(cases)('%s', async (_, { env = {}, flags = [], says }) => {
    using dir = tempDir()
    const ended = await runExecutable(['serve', ...flags], { cwd: dir.path, env })
    expect(ended).toMatchObject({ exitCode: BAD_CONFIG, stdout: '' })
    expect(ended.stderr).toMatch(/^(mcp-sse: [^\n]+\n)+Try: mcp-sse [^\n]+\n$/)
    for (const words of says) expect(ended.stderr).toMatch(words)
    expect(ended.stderr).not.toContain('tiny-and-secret')
    expect(existsSync(join(dir.path, 'data'))).toBe(false)
  })
})

/** A network of its own in which this machine has an address that is not loopback: nobody else reaches what listens there. */
const OUTSIDE = '10.9.8.7'
const ownNetwork = `ip link set lo up && ip addr add ${OUTSIDE}/8 dev lo`
const canOwnNetwork =
  Bun.which('unshare') !== null && Bun.spawnSync(['unshare', '--net', 'sh', '-c', ownNetwork]).exitCode === 0
if (!canOwnNetwork) console.warn('skipped: no network namespaces here (needs root and iproute2)')

describe.skipIf(!canOwnNetwork)('from another address', () => {
  /** Each line as a client in that network; its answer with the status at the end. */
  async function ask(flags: string[], env: Record<string, string>, lines: readonly string[]): Promise<string[]> {
    using dir = tempDir()
    const port = freePort()
    const ready = `for try in $(seq 400); do curl -fs --max-time 2 127.0.0.1:${port}/readyz >&2 && break; sleep 0.05; done`
    const asking = lines
      .map((line) => line.replace('HUB', `${OUTSIDE}:${port}`))
      .map((line) => `${line}; echo; echo ---`)
    const script = `${ownNetwork} && ("$@" >&2 & hub=$!; ${[ready, ...asking].join('; ')}; kill $hub; wait $hub)`
    const { stdout, stderr, exitCode } = await runExecutable(['serve', ...flags], {
      cwd: dir.path,
      env: { ...env, PORT: String(port) },
      through: ['unshare', '--net', 'sh', '-c', script, 'sh'],
    })
    if (exitCode !== 0) throw new Error(`It ended with ${exitCode}:\n${stdout}\n${stderr}`)
    return stdout.split('\n---\n').slice(0, -1)
  }
  const curl = "curl -s -w ' %{http_code}'"

  test('by default nobody is there', async () => {
    const [answer] = await ask([], {}, [`${curl} -d x HUB/events/a || echo exit $?`])
    expect(answer).toContain('exit 7')
  })

  test('--auth-open lets everyone in, through proxies too, but not a page that was given a name for this address', async () => {
    const answers = await ask(['--auth-open'], { HOST: '0.0.0.0' }, [
      `${curl} -d hello HUB/events/a`,
      `${curl} -H 'X-Forwarded-For: 192.0.2.1' 'HUB/events/a?format=json&since=earliest'`,
      `${curl} -H 'Host: evil.example' -d x HUB/events/a`,
      `${curl} -H 'Origin: https://evil.example' -d x HUB/events/a`,
    ])
    expect(answers[0]).toMatch(/"topic":"a".* 201/)
    expect(answers[1]).toMatch(/"data":"hello".* 200/)
    expect(answers[2]).toMatch(/host-not-allowed.* 403/s)
    expect(answers[3]).toMatch(/origin-not-allowed.* 403/s)
  })

  test('MCP_SSE_AUTH_KEY lets in who has it, by any name, and nobody else', async () => {
    const key = secret('the key of a public hub')
    const answers = await ask([], { HOST: '0.0.0.0', MCP_SSE_AUTH_KEY: key }, [
      `${curl} -d hello HUB/events/a`,
      `${curl} -H "Authorization: Bearer $MCP_SSE_AUTH_KEY" -H 'Host: events.example' -d hello HUB/events/a`,
      `${curl} HUB/events`,
      `${curl} HUB/livez`,
    ])
    expect(answers[0]).toMatch(/credential-missing.* 401/s)
    expect(answers[1]).toMatch(/"topic":"a".* 201/)
    expect(answers[2]).toMatch(/credential-missing.* 401/s)
    expect(answers[3]).toMatch(/ 200/)
  })
})

describe('with a key from MCP_SSE_AUTH_KEY_FILE', () => {
  const key = secret('the key in a file')
  let dir: ReturnType<typeof tempDir>
  beforeAll(() => {
    dir = tempDir()
    // As `echo … > file` leaves it.
    writeFileSync(join(dir.path, 'key'), `${key}\n`, { mode: 0o600 })
  })
  afterAll(() => dir[Symbol.dispose]())

  const start = async () => {
    server = await Executable.serve({
      MCP_SSE_AUTH_KEY_FILE: join(dir.path, 'key'),
      MCP_SSE_STREAM_HEARTBEAT: '200ms',
    })
    return server
  }

  test('the line that the start shows works as typed, and without the key says what to do', async () => {
    const hub = await start()
    const line = await until('a line to try', () => /^ {2}try {4}(curl .+)\n/m.exec(hub.output)?.[1])
    const stored = await typed(line, { MCP_SSE_KEY: key })
    expect(JSON.parse(stored.stdout)).toMatchObject({ topic: 'greetings', cursor: expect.any(String) })
    const refused = await typed(line)
    expect(JSON.parse(refused.stdout)).toMatchObject({ status: 401, code: expect.stringMatching(/^credential-/) })
    const without = await typed(line.replace(/-H "[^"]+" /, '-i '))
    expect(without.stdout).toMatch(/^HTTP\/1\.1 401 /)
    expect(without.stdout).toMatch(/^www-authenticate: Bearer realm="mcp-sse"\r$/im)
    expect(without.stdout).toContain('send an API key or a token as Authorization: Bearer KEY')
  })

  test('the ticket of the documentation is asked for as shown, and its URL is a stream', async () => {
    const { url } = await start()
    const documented = readFileSync(resolve(import.meta.dir, '../../docs/security.md'), 'utf8')
    const shown = /^\$ (curl .+ )https:\/\/events\.example(\/tickets)$/m.exec(documented)
    if (!shown) throw new Error('docs/security.md shows no line for a ticket.')
    const asked = await typed(`${shown[1]}${url}${shown[2]}`, { MCP_SSE_KEY: key })
    const answer = JSON.parse(asked.stdout) as { ticket: string; url: string; expires: string }
    registerSecret(answer.ticket, 'the ticket of the documentation')
    expect(answer.url).toBe(`${url}/events?ticket=${answer.ticket}`)
    expect(Date.parse(answer.expires) - Date.now()).toBeLessThanOrEqual(15 * 60_000)
    await fetch(`${url}/events/orders/42`, { method: 'POST', headers: bearer(key), body: 'hello' })
    const read = await typed(`curl -sN '${answer.url}&since=earliest' | grep -m1 '^data: hello'`)
    expect(read.stdout).toBe('data: hello\n')
    const other = await typed(`curl -s '${answer.url}&topic=orders/43'`)
    expect(JSON.parse(other.stdout)).toMatchObject({ status: 403, code: 'forbidden' })
  })

  test('the commands take it from MCP_SSE_KEY', async () => {
    const hub = await start()
    using cwd = tempDir()
    const env = { MCP_SSE_URL: hub.url, MCP_SSE_KEY: key }
    expect(await runExecutable(['publish', 'a/b', 'by command'], { cwd: cwd.path, env })).toMatchObject({ exitCode: 0 })
    const topics = await runExecutable(['topics', '--json'], { cwd: cwd.path, env })
    expect(topics.stdout).toContain('"topic":"a/b"')
    const refused = await runExecutable(['publish', 'a/b', 'x'], { cwd: cwd.path, env: { MCP_SSE_URL: hub.url } })
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
    expect(refused.stderr).toContain('MCP_SSE_KEY')
  })
})

test('a key in the URL, by curl: publishing with one that may do nothing else, and no other', async () => {
  const hook = configuredKey('hook', { publish: ['hooks/**'] })
  const reader = configuredKey('reader', { publish: ['hooks/**'], subscribe: ['hooks/**'] })
  server = await Executable.serve({ MCP_SSE_AUTH_KEYS: keysVariable(hook, reader) })
  const { url } = server
  const post = async (path: string, more = '-d x') => {
    const { stdout } = await typed(`curl -s ${more} '${url}${path}'`)
    inspect(`the answer to POST ${path.replace(/\?.*/, '')}`, stdout)
    return JSON.parse(stdout)
  }
  expect(await post(`/events/hooks/shop?type=order.paid&key=${hook.text}`, `-d '{"total": 99}'`)).toMatchObject({
    topic: 'hooks/shop',
    type: 'order.paid',
  })
  const refused = async (path: string, more?: string) => {
    const { status, code } = await post(path, more)
    return `${status} ${code}`
  }
  expect(await refused(`/events/hooks/shop?key=${reader.text}`)).toBe('403 forbidden')
  expect(await refused(`/events/elsewhere?key=${hook.text}`)).toBe('403 forbidden')
  expect(await refused(`/events/hooks/shop?key=${hook.text}x`)).toBe('401 credential-invalid')
  expect(await refused(`/events/hooks/shop?key=${hook.text}&key=${hook.text}`)).toBe('401 credential-invalid')
  expect(await refused(`/events?key=${hook.text}`, `-H 'content-type: application/json' -d '{"data":1}'`)).toBe(
    '401 credential-missing',
  )
  expect(await refused(`/events/hooks/shop?key=${hook.text}`, '')).toBe('401 credential-missing')
  const both = `-d x -H 'Authorization: Bearer ${hook.text}'`
  expect(await refused(`/events/hooks/shop?key=${hook.text}`, both)).toBe('401 credential-invalid')
  const kept = await fetch(`${url}/events/hooks/shop?format=json&since=earliest`, { headers: bearer(reader.text) })
  expect(((await kept.json()) as { events: unknown[] }).events).toHaveLength(1)
})

test('a ticket outlives the hub, killed or stopped, and ends with ticket.key', async () => {
  const key = secret('the key that asks for a ticket')
  const hub = await Executable.serve({ MCP_SSE_AUTH_KEY: key })
  server = hub
  const request = { method: 'POST', headers: bearer(key), body: '{"topics":["a"],"sub":"alice"}' }
  const answer = expectSecret(await fetch(`${hub.url}/tickets`, request))
  const ticket = registerSecret(((await answer.json()) as { ticket: string }).ticket, 'a ticket')
  let lastEventId = ''
  for (const [index, signal] of (['SIGKILL', 'SIGTERM', 'SIGKILL'] as const).entries()) {
    const reader = await followers.open(`${hub.url}/events/a?ticket=${ticket}&since=earliest`, {
      ...(lastEventId && { 'last-event-id': lastEventId }),
    })
    expect(reader.control('$open')[0]).toMatchObject({ principal: 'sub:alice', topics: ['a'] })
    await fetch(`${hub.url}/events/a`, { method: 'POST', headers: bearer(key), body: `${index}` })
    await until('the event', () => reader.events.length === 1)
    expect(reader.events[0]).toMatchObject({ data: `${index}` })
    lastEventId = reader.events[0]!.id!
    await hub.kill(signal)
    if (index === 2) rmSync(join(hub.dataDir, 'ticket.key'))
    await hub.start()
  }
  await expectProblem(await fetch(`${hub.url}/events/a?ticket=${ticket}`), 401, 'credential-invalid')
})
