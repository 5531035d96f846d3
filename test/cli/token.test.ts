import { expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Authority } from '../../src/auth/authority.ts'
import { signToken } from '../../src/auth/signed-token.ts'
import { accessSettings } from '../../src/cli/serve/access-settings.ts'
import { configKeys } from '../../src/config/keys.ts'
import { loadConfig } from '../../src/config/load.ts'
import { runCommand } from '../support/command.ts'
import { expectSecret, registerSecret, secret } from '../support/secrets.ts'
import { tempDir } from '../support/temp-dir.ts'

async function token(args: readonly string[], env: Record<string, string>, stdin = '') {
  using dir = tempDir()
  const ended = await runCommand(['token', ...args], expectSecret({ cwd: dir.path, env, stdin }))
  const made = /^eyJ\S+/.exec(ended.stdout)?.[0]
  if (made) registerSecret(made, 'a token')
  return { ...ended, token: made ?? '' }
}

test('a token is signed with the first secret and is good for every hub that has it in its list', async () => {
  const [first, second] = [secret(), secret()]
  const made = await token(
    ['new', '--sub', 'alice', '--subscribe', 'users/alice/**', '--type', 'chat.*', '--ttl', '8h'],
    {
      MCP_SSE_AUTH_JWT_SECRET: `${first},${second}`,
    },
  )
  expect(made).toMatchObject({ exitCode: 0, stderr: '' })
  const checked = await token(['check', '--json'], { MCP_SSE_AUTH_JWT_SECRET: `${second},${first}` }, `${made.token}\n`)
  expect(JSON.parse(checked.stdout)).toMatchObject({
    ok: true,
    kind: 'token',
    principal: 'sub:alice',
    grants: { publish: [], subscribe: ['users/alice/**'], types: ['chat.*'], admin: false },
  })
  const text = await token(['check', made.token], { MCP_SSE_AUTH_JWT_SECRET: first })
  expect(text.stdout).toMatch(/^ok: a token of sub:alice, until \S+; may: read users\/alice\/\*\*, types chat\.\*\n$/)
})

test('issuer, audience and claim are those of the configuration, and check says which one is wrong', async () => {
  const env = {
    MCP_SSE_AUTH_JWT_SECRET: secret(),
    MCP_SSE_AUTH_JWT_ISSUER: 'https://login.example',
    MCP_SSE_AUTH_JWT_AUDIENCE: 'events',
    MCP_SSE_AUTH_JWT_CLAIM: 'hub',
  }
  const made = await token(['new', '--sub', 'bob', '--publish', 'a'], env)
  const claims = JSON.parse(Buffer.from(made.token.split('.')[1]!, 'base64url').toString())
  expect(claims).toMatchObject({ iss: 'https://login.example', aud: 'events', hub: { publish: ['a'] } })
  expect((await token(['check', '-'], env, made.token)).exitCode).toBe(0)
  const failures = [
    [{ MCP_SSE_AUTH_JWT_SECRET: secret() }, 'signature'],
    [{ MCP_SSE_AUTH_JWT_AUDIENCE: 'others' }, 'aud'],
    [{ MCP_SSE_AUTH_JWT_ISSUER: 'https://other.example' }, 'iss'],
  ] as const
  for (const [wrong, check] of failures) {
    const ended = await token(['check'], { ...env, ...wrong }, made.token)
    expect(ended).toMatchObject({ exitCode: 1, stdout: '' })
    expect(ended.stderr).toContain(`: ${check}]`)
    expect(ended.stderr).toMatch(/\nTry: mcp-sse [^\n]+\n$/)
    expect(ended.stderr).not.toContain(made.token.slice(0, 20))
  }
})

test('without a secret there is nothing to sign or check with, and it says what to set', async () => {
  const made = await token(['new', '--sub', 'a', '--subscribe', '**'], {})
  expect(made).toMatchObject({ exitCode: 78, stderr: expect.stringContaining('MCP_SSE_AUTH_JWT_SECRET=') })
  const checked = await token(['check'], {}, 'eyJx.y.z')
  expect(checked).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('no credentials') })
})

test.each([
  [['new', '--sub', 'a'], 'Nothing is granted'],
  [['new', '--subscribe', '**'], "Required option '--sub <subject>' not specified"],
  [['new', '--sub', 'a', '--subscribe', '**', '--ttl', '2y'], '--ttl is a duration from 1s to 365d'],
  [['new', '--sub', 'a\nb', '--subscribe', '**'], '--sub is refused: a subject has no control characters.'],
  [['new', '--sub', 'a\u2028b', '--subscribe', '**'], '--sub is refused: a subject has no control characters.'],
  [['new', '--sub', 'a'.repeat(257), '--subscribe', '**'], '--sub is refused: a subject has at most 256'],
  [['new', '--sub', 'a', '--subscribe', '**', '--ttl', '999ms'], '--ttl is a duration from 1s to 365d'],
  [['new', '--sub', 'a', '--subscribe', '**', '--ttl', '8761h'], '--ttl is a duration from 1s to 365d'],
  [['check', '-'], 'There is no token to check'],
])('%p is a mistake in the command line', async (args, says) => {
  const ended = await token(args, { MCP_SSE_AUTH_JWT_SECRET: secret() })
  expect(ended).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining(says) })
})

test.each([
  ['1s', 1],
  ['365d', 365 * 86_400],
])('a token may count for %s', async (ttl, seconds) => {
  const made = await token(['new', '--sub', 'a', '--subscribe', '**', '--ttl', ttl], {
    MCP_SSE_AUTH_JWT_SECRET: secret(),
  })
  expect(made).toMatchObject({ exitCode: 0, stderr: '' })
  const { iat, exp } = JSON.parse(Buffer.from(made.token.split('.')[1]!, 'base64url').toString())
  expect(exp - iat).toBe(seconds)
})

test('a key that is not known leads to the list of those that are, a token to a new one', async () => {
  const env = { MCP_SSE_AUTH_JWT_SECRET: secret() }
  const key = await token(['check', '-'], env, secret('an unknown key', 'mcpsse_'))
  expect(key).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('\nTry: mcp-sse key list\n') })
  const signed = await token(['check', '-'], env, 'eyJx.y.z')
  expect(signed).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('\nTry: mcp-sse token new ') })
})

test('a token signed without a name for its claim has that of a configuration that says nothing', async () => {
  const made = await signToken(secret(), { grants: {} }, { now: 0, ttlMs: 1000 })
  const claims = JSON.parse(Buffer.from(made.split('.')[1]!, 'base64url').toString())
  expect(Object.keys(claims)).toContain(configKeys().find(({ name }) => name === 'auth.jwt.claim')!.meta.default!)
})

test('a ticket is checked with the key of tickets of the data directory', async () => {
  using data = tempDir()
  const kept = randomBytes(32)
  writeFileSync(join(data.path, 'ticket.key'), kept, { mode: 0o600 })
  const key = secret()
  const env = { MCP_SSE_AUTH_KEY: key, DATA_DIR: data.path }
  const { config } = loadConfig({ mode: 'source', cwd: data.path, env: { HOME: data.path, ...env } })
  const who = new Authority(accessSettings(config, kept), { now: Date.now })
  const { ticket } = await who.issueTicket(await who.recognise({ kind: 'bearer', text: key }), {
    topics: ['orders/**'],
  })
  const checked = await token(['check', '--json'], env, registerSecret(ticket, 'a ticket'))
  expect(JSON.parse(checked.stdout)).toMatchObject({
    ok: true,
    kind: 'ticket',
    principal: 'key:auth.key',
    grants: { subscribe: ['orders/**'] },
  })
})
