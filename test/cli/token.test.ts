import { expect, test } from 'bun:test'
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
  [['new', '--sub', 'a\nb', '--subscribe', '**'], '--sub has 1 to 256 characters'],
  [['check', '-'], 'There is no token to check'],
])('%p is a mistake in the command line', async (args, says) => {
  const ended = await token(args, { MCP_SSE_AUTH_JWT_SECRET: secret() })
  expect(ended).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining(says) })
})
