import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../support/command.ts'
import { expectSecret, registerSecret, secret } from '../support/secrets.ts'
import { tempDir } from '../support/temp-dir.ts'

const RELOAD = 'Try: systemctl reload mcp-sse, or kill -HUP <pid of the hub>\n'

/** `mcp-sse key …`, whose stdout is where a new key belongs. */
async function key(cwd: string, args: readonly string[], env: Record<string, string> = {}) {
  const ended = await runCommand(['key', ...args], expectSecret({ cwd, env }))
  const made = /mcpsse_[\w-]{43}/.exec(ended.stdout)?.[0]
  if (made) registerSecret(made, 'a new key')
  return { ...ended, key: made }
}

/** Bun makes itself a directory in every home. */
function filesIn(directory: string): string[] {
  return readdirSync(directory).filter((name) => name !== '.bun')
}

test('a saved key is printed once and only its SHA-256 is in the file, which is its owner’s alone', async () => {
  using dir = tempDir()
  const made = await key(dir.path, ['new', 'ci', '--publish', 'builds/**', '--expires', '2090-01-01', '--save'])
  expect(made).toMatchObject({ exitCode: 0, stdout: `${made.key}\n` })
  expect(made.stderr).toEndWith(RELOAD)
  const path = join(dir.path, 'mcp-sse.toml')
  const sha256 = createHash('sha256').update(made.key!).digest('hex')
  expect(readFileSync(path, 'utf8')).toBe(
    `[[auth.keys]]\nname = "ci"\nsha256 = "${sha256}"\npublish = ["builds/**"]\nexpires = "2090-01-01T00:00:00.000Z"\n`,
  )
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(filesIn(dir.path)).toEqual(['mcp-sse.toml'])
  const listed = await key(dir.path, ['list', '--json'])
  expect(JSON.parse(listed.stdout)).toEqual({
    name: 'ci',
    publish: ['builds/**'],
    subscribe: [],
    admin: false,
    metrics: false,
    expires: '2090-01-01T00:00:00.000Z',
    expired: false,
  })
  expect(listed.stdout).not.toContain(sha256.slice(0, 16))
})

test('a key for Prometheus may read the metrics and nothing else', async () => {
  using dir = tempDir()
  const made = await key(dir.path, ['new', 'prometheus', '--metrics', '--save'])
  expect(made.exitCode).toBe(0)
  expect(readFileSync(join(dir.path, 'mcp-sse.toml'), 'utf8')).toEndWith('"\nmetrics = true\n')
  expect((await key(dir.path, ['list'])).stdout).toBe('prometheus  metrics\n')
})

test('a key that is not saved comes with the lines for the file, without the key', async () => {
  using dir = tempDir()
  const made = await key(dir.path, ['new', 'web', '--subscribe', 'public/**', '--admin'])
  expect(made.stderr).toContain('[[auth.keys]]\nname = "web"\n')
  expect(made.stderr).not.toContain(made.key!)
  expect(filesIn(dir.path)).toEqual([])
})

test('--save and revoke keep mode and other text of the file that serve reads, also behind a symbolic link', async () => {
  using dir = tempDir()
  const real = join(dir.path, 'real.toml')
  const text = '# mine\nport = 3000\n'
  writeFileSync(real, text)
  chmodSync(real, 0o640)
  symlinkSync(real, join(dir.path, 'mcp-sse.toml'))
  expect((await key(dir.path, ['new', 'a', '--publish', '**', '--save'])).exitCode).toBe(0)
  expect((await key(dir.path, ['new', 'b', '--publish', '**', '--save', 'real.toml', '--json'])).exitCode).toBe(0)
  expect((await key(dir.path, ['list'])).stdout).toBe('a  publish **\nb  publish **\n')
  const revoked = await key(dir.path, ['revoke', 'a'])
  expect(revoked).toMatchObject({ exitCode: 0, stdout: 'a was removed from mcp-sse.toml.\n' })
  expect(revoked.stderr).toEndWith(RELOAD)
  expect((await key(dir.path, ['revoke', 'b'])).exitCode).toBe(0)
  expect(readFileSync(real, 'utf8')).toBe(text)
  expect(statSync(real).mode & 0o777).toBe(0o640)
})

test('two that edit at one time cannot lose a key: one of them is refused', async () => {
  using dir = tempDir()
  writeFileSync(join(dir.path, 'mcp-sse.toml.new'), '')
  const refused = await key(dir.path, ['new', 'ci', '--publish', 'a', '--save'])
  expect(refused).toMatchObject({
    exitCode: 1,
    stdout: '',
    stderr:
      'mcp-sse: mcp-sse.toml.new is there: another mcp-sse key is at work, or one was cut off.\nTry: rm mcp-sse.toml.new, if none is at work\n',
  })
  expect(existsSync(join(dir.path, 'mcp-sse.toml'))).toBe(false)
})

test('what is refused leaves the file as it was and nothing beside it', async () => {
  using dir = tempDir()
  const path = join(dir.path, 'mcp-sse.toml')
  for (const text of [
    '[auth]\nkeys = []\n',
    `[[auth.keys]]\nname = "ci"\nsha256 = "${'0'.repeat(64)}"\n`,
    'port = \n',
  ]) {
    writeFileSync(path, text)
    const refused = await key(dir.path, ['new', 'ci', '--publish', 'a', '--save'])
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
    expect(refused.stderr).toMatch(/^mcp-sse: mcp-sse\.toml [^\n]+\nTry: mcp-sse key list\n$/)
    expect([readFileSync(path, 'utf8'), filesIn(dir.path)]).toEqual([text, ['mcp-sse.toml']])
  }
})

test.each([
  [
    'nothing granted',
    ['new', 'ci'],
    'mcp-sse: Nothing is granted: say what it may publish to and read.\nTry: mcp-sse key new ci --publish',
  ],
  [
    'a pattern that is none',
    ['new', 'ci', '--publish', 'a*'],
    'mcp-sse: In the pattern "a*" a * must be a whole segment',
  ],
  [
    'a name that is none',
    ['new', 'a b', '--admin'],
    'mcp-sse: A key has a name of 1 to 64 letters, digits and _ . -.\n',
  ],
  [
    'an end in the past',
    ['new', 'ci', '--admin', '--expires', '2020-01-01'],
    'mcp-sse: --expires 2020-01-01 is no time ahead of now.\n',
  ],
  [
    'an end that is none',
    ['new', 'ci', '--admin', '--expires', 'soon'],
    'mcp-sse: --expires is a duration, a date or a time, not "soon".\n',
  ],
  ['no verb', [], 'mcp-sse: A command is missing.\nTry: mcp-sse key --help\n'],
])('%s is a mistake in the command line, with what to type', async (_, args, says) => {
  using dir = tempDir()
  const ended = await key(dir.path, args)
  expect(ended.stderr).toContain(says)
  expect(ended.stderr).toMatch(/\nTry: mcp-sse key [^\n]+\n$/)
  expect(ended).toMatchObject({ exitCode: 2, stdout: '' })
})

test('a key that is typed where its name belongs is not repeated', async () => {
  using dir = tempDir()
  const pasted = registerSecret(`mcpsse_${'P'.repeat(43)}`)
  for (const args of [['new', pasted, '--admin'], ['list', pasted], [pasted]]) {
    const ended = await key(dir.path, args)
    expect(ended.exitCode).toBe(2)
    expect(ended.stderr).not.toContain('PPPP')
  }
})

test('--config names the file to make, list and revoke keys in; --save FILE is the same in one word', async () => {
  using dir = tempDir()
  const config = ['--config', 'hub.toml']
  expect((await key(dir.path, ['new', 'a', '--publish', 'a', '--save', ...config])).exitCode).toBe(0)
  expect((await key(dir.path, ['new', 'b', '--publish', 'a', '--save', 'hub.toml'])).exitCode).toBe(0)
  expect((await key(dir.path, ['new', 'c', '--publish', 'a', '--save', 'hub.toml', ...config])).exitCode).toBe(0)
  expect((await key(dir.path, ['list', ...config])).stdout).toBe('a  publish a\nb  publish a\nc  publish a\n')
  expect((await key(dir.path, ['revoke', 'b', ...config])).stdout).toBe('b was removed from hub.toml.\n')
  expect((await key(dir.path, ['list', ...config])).stdout).toBe('a  publish a\nc  publish a\n')
  expect(filesIn(dir.path)).toEqual(['hub.toml'])
})

test.each([
  ['without --save', [], '--config says which file --save adds it to, and there is no --save.'],
  ['beside another --save', ['--save', 'other.toml'], '--save and --config name two files.'],
])('key new --config %s is refused, and no key is made', async (_, save, says) => {
  using dir = tempDir()
  const ended = await key(dir.path, ['new', 'a', '--publish', 'a', '--config', 'hub.toml', ...save])
  expect(ended).toMatchObject({
    exitCode: 2,
    stdout: '',
    stderr: `mcp-sse: ${says}\nTry: mcp-sse key new NAME … --save --config hub.toml\n`,
  })
  expect(filesIn(dir.path)).toEqual([])
})

test.each([['MCP_SSE_AUTH_KEYS'], ['MCP_SSE_AUTH_KEYS_FILE']])(
  'a key that %s hides is saved, and it says that it does not count',
  async (variable) => {
    using dir = tempDir()
    const env = { [variable]: variable.endsWith('_FILE') ? '/nonexistent' : '[]' }
    const hidden = await key(dir.path, ['new', 'a', '--publish', 'a', '--save'], env)
    expect(hidden).toMatchObject({ exitCode: 0 })
    expect(hidden.stderr).toStartWith(`mcp-sse: ${variable} is set and goes before the keys of mcp-sse.toml.\n`)
    const seen = await key(dir.path, ['new', 'b', '--publish', 'a', '--save'], { MCP_SSE_AUTH_KEY: secret() })
    expect(seen.stderr).toStartWith('mcp-sse: b is in mcp-sse.toml.')
  },
)

describe('a first key', () => {
  const FIRST =
    'mcp-sse: it is the first key of this configuration. If the hub was open, from its reload on nobody gets in'
  const NONE =
    ", and no key may publish: make one with `mcp-sse key new me --publish '**' --subscribe '**' --save` and reload"
  test('says that it closes an open hub, and whether anybody can publish then', async () => {
    using dir = tempDir()
    const anonymous = { MCP_SSE_AUTH_ANONYMOUS_SUBSCRIBE: 'a' }
    const reader = ['new', 'agent', '--subscribe', 'orders/**']
    expect((await key(dir.path, reader)).stderr).toContain(`${FIRST} without a key${NONE}.\n\n[[auth.keys]]`)
    const limited = await key(dir.path, [...reader, '--save', 'other.toml'], anonymous)
    expect(limited.stderr).toContain(`${FIRST} without a key, but for what auth.anonymous allows${NONE}.\nTry: `)
    expect((await key(dir.path, ['new', 'me', '--publish', '**', '--save'])).stderr).toContain(
      `${FIRST} without a key.\nTry: `,
    )
  })

  test('is not one beside another credential, nor where the environment has keys that go before it', async () => {
    using dir = tempDir()
    expect((await key(dir.path, ['new', 'me', '--publish', '**', '--save'])).stderr).toContain(FIRST)
    for (const [name, env] of [
      ['b', {}],
      ['c', { MCP_SSE_AUTH_KEYS: '[]' }],
    ] as const) {
      expect((await key(dir.path, ['new', name, '--subscribe', 'a', '--save'], env)).stderr).not.toContain('first key')
    }
    const env = { MCP_SSE_AUTH_KEY: secret() }
    expect((await key(dir.path, ['new', 'd', '--admin', '--save', 'own.toml'], env)).stderr).not.toContain('first key')
  })

  test('that makes no configuration a hub takes over says why', async () => {
    using dir = tempDir()
    const { exitCode, stderr } = await key(dir.path, ['new', 'a', '--admin', '--save'], { MCP_SSE_AUTH_OPEN: 'true' })
    expect(exitCode).toBe(0)
    expect(stderr).toContain(
      'mcp-sse: the configuration is wrong, and a hub does not take it over: MCP_SSE_AUTH_OPEN: auth.open lets everyone in',
    )
  })
})

describe('revoking the last credential says what the next start does', () => {
  const NONE = 'it was the last credential of this configuration. A hub that runs lets nobody in once it has reloaded'
  const NEXT = "Try: mcp-sse key new ci --publish 'builds/**' --save"
  test.each([
    ['a hub on this machine', '', {}, 'and the next start lets in everyone on this machine.'],
    ['one that others reach', '', { HOST: '0.0.0.0' }, 'and the next start is refused.'],
    ['anonymous rights that are left', '[auth.anonymous]\nsubscribe = ["a"]\n\n', {}, 'and the next start is refused.'],
  ])('%s', async (_, file, env, says) => {
    using dir = tempDir()
    writeFileSync(join(dir.path, 'hub.toml'), `${file}[[auth.keys]]\nname = "ci"\nsha256 = "${'0'.repeat(64)}"\n`)
    const { exitCode, stderr } = await key(dir.path, ['revoke', 'ci', '--config', 'hub.toml'], env)
    expect(exitCode).toBe(0)
    expect(stderr).toContain(`${NONE}, ${says}\n${NEXT} --config hub.toml, then systemctl reload`)
  })

  test.each([
    ['another key', `[[auth.keys]]\nname = "b"\nsha256 = "${'1'.repeat(64)}"\n\n`, {}],
    ['a secret of tokens', '', { MCP_SSE_AUTH_JWT_SECRET: secret() }],
  ])('but not while %s is left', async (_, file, env) => {
    using dir = tempDir()
    const path = join(dir.path, 'mcp-sse.toml')
    writeFileSync(path, `${file}[[auth.keys]]\nname = "ci"\nsha256 = "${'0'.repeat(64)}"\n`)
    const { stderr } = await key(dir.path, ['revoke', 'ci'], env)
    expect(stderr).toBe(`mcp-sse: until the hub has read the file again the key still works.\n${RELOAD}`)
  })

  test('and says so when it cannot tell, since the configuration is wrong', async () => {
    using dir = tempDir()
    const text = `port = 70000\n[[auth.keys]]\nname = "ci"\nsha256 = "${'0'.repeat(64)}"\n`
    writeFileSync(join(dir.path, 'mcp-sse.toml'), text)
    const { exitCode, stderr } = await key(dir.path, ['revoke', 'ci'])
    expect(exitCode).toBe(0)
    expect(stderr).toContain('cannot be told, because the configuration is wrong: mcp-sse.toml:1: port = 70000')
  })
})

test('revoke says when there is no such file or key, and an end that has come shows in the list', async () => {
  using dir = tempDir()
  expect((await key(dir.path, ['revoke', 'ci'])).stderr).toStartWith('mcp-sse: There is no mcp-sse.toml')
  mkdirSync(join(dir.path, 'conf'))
  writeFileSync(
    join(dir.path, 'conf/hub.toml'),
    `[[auth.keys]]\nname = "old"\nsha256 = "${'0'.repeat(64)}"\nadmin = true\nexpires = 2020-01-01\n`,
  )
  expect((await key(dir.path, ['list', '--config', 'conf/hub.toml'])).stdout).toBe(
    'old  admin  expired 2020-01-01T00:00:00.000Z\n',
  )
  expect(await key(dir.path, ['revoke', 'ci', '--config', 'conf/hub.toml'])).toMatchObject({
    exitCode: 1,
    stderr: 'mcp-sse: conf/hub.toml has no key ci.\nTry: mcp-sse key list\n',
  })
})
