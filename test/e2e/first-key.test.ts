import { afterEach, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FIRST_KEY_FILE } from '../../src/daemon/first-key.ts'
import { bearer } from '../support/access.ts'
import { executablePath } from '../support/executable.ts'
import { registerSecret, secret } from '../support/secrets.ts'
import { runExecutable } from '../support/startup.ts'
import { until } from '../support/until.ts'

/** As the container starts it: `auth.make_key`, one directory, nothing else. */
class Container {
  readonly dir = mkdtempSync(join(tmpdir(), 'mcp-sse-container-'))
  output = ''
  #child: ReturnType<typeof Bun.spawn> | undefined

  async start(env: Record<string, string> = {}): Promise<void> {
    this.output = ''
    const child = Bun.spawn([executablePath(), 'serve'], {
      cwd: this.dir,
      env: { HOME: this.dir, DATA_DIR: join(this.dir, 'data'), PORT: '0', MCP_SSE_AUTH_MAKE_KEY: 'true', ...env },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) void this.#collect(stream)
    await until('it listens', () => this.output.includes('/events/greetings\n'))
  }

  get url(): string {
    return `http://${/127\.0\.0\.1:\d+/.exec(this.output)![0]}`
  }

  /** What it printed that looks like a key. */
  get keys(): string[] {
    return this.output.match(/mcpsse_[\w-]{43}/g) ?? []
  }

  signal(signal: 'SIGHUP'): void {
    this.#child?.kill(signal)
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#child?.kill(signal)
    await this.#child?.exited
  }

  async whoami(key?: string): Promise<{ status: number; principal?: string; grants?: object }> {
    const answer = await fetch(`${this.url}/whoami`, { headers: key ? bearer(key) : {} })
    return { status: answer.status, ...((await answer.json()) as object) }
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const chunk of stream) this.output += Buffer.from(chunk).toString()
  }
}

/** As `docker exec` does it. */
function revoke({ dir }: Container) {
  const env = { DATA_DIR: join(dir, 'data'), MCP_SSE_AUTH_MAKE_KEY: 'true' }
  return runExecutable(['key', 'revoke', 'first-key'], { cwd: dir, env })
}

let container: Container
afterEach(async () => {
  await container.stop('SIGKILL')
  rmSync(container.dir, { recursive: true, force: true })
})

test('the first start prints a key that may do everything, once, and keeps only what proves it', async () => {
  container = new Container()
  await container.start()
  const [key, ...more] = container.keys
  expect(more).toEqual([])
  registerSecret(key!, 'the first key')
  expect(container.output).toContain('access first-key; without a credential nothing\n')
  expect(await container.whoami(key)).toMatchObject({
    status: 200,
    principal: 'key:first-key',
    grants: { publish: ['**'], subscribe: ['**'], admin: true },
  })
  const anonymous = await fetch(`${container.url}/events/a`, { method: 'POST', body: 'b' })
  expect(anonymous.status).toBe(401)
  const data = join(container.dir, 'data')
  expect(statSync(join(data, FIRST_KEY_FILE)).mode & 0o777).toBe(0o600)

  // However it ends: the same key, which is shown no more.
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await container.stop(signal)
    await container.start()
    expect(container.keys).toEqual([])
    expect(await container.whoami(key)).toMatchObject({ status: 200 })
  }
  await container.stop('SIGTERM')
  for (const file of readdirSync(data)) expect(readFileSync(join(data, file), 'latin1')).not.toContain(key!)

  // Lost: another one takes its place.
  expect(await revoke(container)).toMatchObject({ exitCode: 0 })
  await container.start()
  expect(container.keys).toHaveLength(1)
  expect(await container.whoami(registerSecret(container.keys[0]!, 'another key'))).toMatchObject({ status: 200 })
  expect(await container.whoami(key)).toMatchObject({ status: 401 })
})

test('beside a credential of the operator it counts until it is revoked, and none is made in its place', async () => {
  container = new Container()
  await container.start()
  const made = registerSecret(container.keys[0]!, 'the first key')
  await container.stop('SIGTERM')
  const own = secret('a key')
  await container.start({ MCP_SSE_AUTH_KEY: own })
  expect(container.output).toContain('access auth.key, first-key; without a credential nothing\n')
  for (const key of [own, made]) expect(await container.whoami(key)).toMatchObject({ status: 200 })
  await revoke(container)
  container.signal('SIGHUP')
  await until('the reload', () => container.output.includes('reloaded: '))
  expect(await container.whoami(own)).toMatchObject({ status: 200 })
  expect(await container.whoami(made)).toMatchObject({ status: 401 })
  expect(container.keys).toEqual([])
})

test('revoked while it is the only credential, a reload prints another and nobody gets in without', async () => {
  container = new Container()
  await container.start()
  const made = registerSecret(container.keys[0]!, 'the first key')
  await revoke(container)
  container.signal('SIGHUP')
  await until('the reload', () => container.output.includes('reloaded: '))
  // One on stderr, one on stdout.
  await until('another key', () => container.keys.length > 1)
  expect(container.keys).toHaveLength(2)
  const other = registerSecret(container.keys[1]!, 'another key')
  expect(await container.whoami(other)).toMatchObject({ status: 200 })
  expect(await container.whoami(made)).toMatchObject({ status: 401 })
  expect(await container.whoami()).toMatchObject({ status: 401 })
})
