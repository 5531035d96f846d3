import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../support/command.ts'
import { problem, scriptedHub } from '../support/scripted-hub.ts'
import { registerSecret, secret } from '../support/secrets.ts'
import { tempDir } from '../support/temp-dir.ts'

/** Runs the command and looks for any eight characters of the secret in a row in all it says. */
async function refused(args: readonly string[], hidden: string, more: { env?: Record<string, string>; cwd: string }) {
  const ended = await runCommand(args, more)
  const said = ended.stdout + ended.stderr
  for (let at = 0; at + 8 <= hidden.length; at++) expect(said).not.toContain(hidden.slice(at, at + 8))
  return ended
}

/** Wrong for every key of the kind, and long enough to be searched for. */
const bad = {
  key: () => `${secret()} with spaces`,
  keys: () => secret(),
  jwt: () => registerSecret(secret().slice(0, 24)),
}

test.each([
  ['MCP_SSE_AUTH_KEY', bad.key, '[auth]\nkey = "SECRET"\n'],
  ['MCP_SSE_AUTH_KEYS', bad.keys, '[[auth.keys]]\nname = "a"\nsha256 = "SECRET"\n'],
  ['MCP_SSE_AUTH_JWT_SECRET', bad.jwt, '[auth.jwt]\nsecret = ["SECRET"]\n'],
])('a refused %s shows nowhere, whatever source it comes from', async (variable, make, file) => {
  using dir = tempDir()
  const cwd = dir.path
  const hidden = make()
  writeFileSync(join(cwd, 'secret'), hidden, { mode: 0o600 })
  writeFileSync(join(cwd, 'vars'), `${variable}='${hidden}'\n`, { mode: 0o600 })
  writeFileSync(join(cwd, 'bad.toml'), file.replace('SECRET', hidden), { mode: 0o600 })
  writeFileSync(join(cwd, 'unquoted.toml'), `port = 1\nx = ${hidden}\n`, { mode: 0o600 })
  const flag = `--${variable.slice('MCP_SSE_'.length).toLowerCase().replaceAll('_', '-')}`
  const runs: [readonly string[], Record<string, string>][] = [
    [['config', 'check'], { [variable]: hidden }],
    [['config', 'check'], { [`${variable}_FILE`]: 'secret' }],
    [['serve'], { [variable]: hidden }],
    [['config', 'check', '--env-file', 'vars'], {}],
    [['config', 'check', '--config', 'bad.toml'], {}],
    [['config', 'check', '--config', 'unquoted.toml'], {}],
    [['serve', flag, hidden], {}],
    [['serve', `${flag}=${hidden}`], {}],
    [['serve', hidden], {}],
  ]
  for (const [args, env] of runs) {
    const { exitCode, stderr } = await refused(args, hidden, { cwd, env })
    expect([2, 78]).toContain(exitCode)
    expect(stderr).toMatch(/\nTry: mcp-sse [^\n]+\n$/)
  }
})

test('config print shows that a secret is set and never which', async () => {
  using dir = tempDir()
  const hidden = secret()
  const env = {
    MCP_SSE_AUTH_KEY: hidden,
    MCP_SSE_AUTH_JWT_SECRET: `${hidden}${hidden}`,
    MCP_SSE_AUTH_KEYS: JSON.stringify([{ name: 'ci', sha256: 'ab'.repeat(32), publish: ['a'] }]),
  }
  for (const args of [
    ['config', 'print'],
    ['config', 'print', '--json'],
    ['config', 'check'],
  ]) {
    const ended = await refused(args, hidden, { cwd: dir.path, env })
    expect(ended.exitCode).toBe(0)
    expect(ended.stdout).not.toContain('abababab')
  }
})

test('a flag that would show a secret in ps is refused with the variables to set instead', async () => {
  using dir = tempDir()
  const ended = await refused(['serve', '--auth-key', 'whatever-it-is'], 'whatever-it-is', { cwd: dir.path })
  expect(ended).toMatchObject({
    exitCode: 78,
    stderr: expect.stringContaining('Set MCP_SSE_AUTH_KEY, or MCP_SSE_AUTH_KEY_FILE to a file with it.'),
  })
})

test('the key of MCP_SSE_KEY shows in no message, also when whoever answers sends it back', async () => {
  using dir = tempDir()
  const hidden = secret('a key')
  const answers = [
    (heard: string) => new Response(`you sent ${heard}`, { status: 500 }),
    (heard: string) => problem(401, 'credential-invalid', `No such key: ${heard}`),
    (heard: string) => new Response(null, { status: 302, headers: { location: `http://127.0.0.1/${heard}` } }),
  ]
  for (const answer of answers) {
    await using hub = scriptedHub(({ headers }) => answer(headers.get('authorization') ?? ''))
    const env = { MCP_SSE_KEY: hidden, MCP_SSE_URL: hub.url }
    for (const args of [['topics'], ['publish', 'a', 'x'], ['subscribe']]) {
      // The whole key only: the scripted hub is what shows it, and the search of the run would find that.
      const ended = await runCommand(args, { cwd: dir.path, env })
      expect(ended.exitCode).toBe(1)
      expect(ended.stdout + ended.stderr).not.toContain(hidden)
    }
    expect(hub.requests[0]!.headers.get('authorization')).toBe(`Bearer ${hidden}`)
  }
})

test.each([
  ['a line break', 'one\ntwo-is-the-rest-of-it'],
  ['a space', 'one two-is-the-rest-of-it'],
  ['letters that are not ASCII', 'schlüssel-ist-der-rest'],
])('a MCP_SSE_KEY with %s is refused without showing it', async (_, key) => {
  using dir = tempDir()
  const ended = await refused(['topics'], key, { cwd: dir.path, env: { MCP_SSE_KEY: key } })
  expect(ended).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('MCP_SSE_KEY is no key') })
})

test('a key that would go over plain http to another machine is warned about once, to this one it is not', async () => {
  using dir = tempDir()
  const env = { MCP_SSE_KEY: secret() }
  // 192.0.2.0/24 is for documentation: nobody answers, and nothing needs to.
  const far = await runCommand(['topics', '--url', 'http://hub.invalid:9'], { cwd: dir.path, env })
  expect(far.stderr).toStartWith('mcp-sse: http://hub.invalid:9 is not https: everyone on the way can read the key')
  expect(far.stderr.split('is not https')).toHaveLength(2)
  await using hub = scriptedHub(() => Response.json({ topics: [] }))
  const near = await runCommand(['topics', '--url', hub.url], { cwd: dir.path, env })
  expect(near).toEqual({ stdout: '', stderr: '', exitCode: 0 })
})

test('a URL with a password is refused without showing it', async () => {
  using dir = tempDir()
  const hidden = secret()
  const ended = await refused(['topics', '--url', `http://me:${hidden}@127.0.0.1:9`], hidden, { cwd: dir.path })
  expect(ended).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('the key goes to MCP_SSE_KEY') })
})

test('a secret that stands where a path, a name or a URL belongs is not repeated', async () => {
  using dir = tempDir()
  const cwd = dir.path
  const hidden = secret()
  const inUrl = `https://login.example/keys?token=${hidden}`
  const jwt = { MCP_SSE_AUTH_JWT_ISSUER: 'https://login.example', MCP_SSE_AUTH_JWT_AUDIENCE: 'hub' }
  const file = await refused(['config', 'check'], hidden, { cwd, env: { MCP_SSE_AUTH_KEY_FILE: hidden } })
  expect(file.stderr).toContain('MCP_SSE_AUTH_KEY_FILE: the file it names does not exist')
  const printed = await refused(['config', 'print', '--json'], hidden, {
    cwd,
    env: { ...jwt, MCP_SSE_AUTH_JWT_JWKS: inUrl },
  })
  expect(printed.stdout).toContain('https://login.example/keys?…')
  await refused(['config', 'check'], hidden, { cwd, env: { ...jwt, MCP_SSE_AUTH_JWT_JWKS: `ftp${inUrl}` } })
  await refused(['key', 'revoke', `mcpsse_${hidden}`], hidden, { cwd })
  await refused(['topics', '--url', `ht!tp://user:${hidden}@hub.example`], hidden, { cwd })
})
