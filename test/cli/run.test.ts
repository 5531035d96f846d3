import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { version } from '../../package.json'
import { runCommand } from '../support/command.ts'
import { tempDir } from '../support/temp-dir.ts'

async function run(args: readonly string[], more: { env?: Record<string, string>; file?: string } = {}) {
  using dir = tempDir()
  if (more.file !== undefined) writeFileSync(join(dir.path, 'mcp-sse.toml'), more.file)
  return await runCommand(args, { cwd: dir.path, env: more.env ?? {} })
}

test('without a verb the help is printed, with every verb and an example', async () => {
  const { stdout, stderr, exitCode } = await run([])
  expect([stderr, exitCode]).toEqual(['', 0])
  for (const verb of ['serve', 'publish', 'subscribe', 'topics', 'config', 'version'])
    expect(stdout).toContain(`  ${verb}`)
  expect(stdout).toContain("mcp-sse publish cron/backup 'backup failed'")
})

test.each([
  [['srve'], 2, "mcp-sse: Unknown command 'srve'. Did you mean serve?\nTry: mcp-sse --help\n"],
  [['--wrong'], 2, "mcp-sse: Unknown option '--wrong'.\nTry: mcp-sse --help\n"],
  [['publish'], 2, "mcp-sse: Missing required argument 'topic'.\nTry: mcp-sse publish --help\n"],
  [['publish', 't'], 2, "mcp-sse: There is no data.\nTry: mcp-sse publish TOPIC 'some text', or - for stdin\n"],
  [
    ['publish', '--ndjson', '-'],
    2,
    'mcp-sse: There is no topic before the -.\nTry: mcp-sse publish TOPIC - --ndjson\n',
  ],
  [
    ['publish', 't', 'x', '--id', ''],
    2,
    'mcp-sse: --id is empty, so the same event again would be stored again.\nTry: mcp-sse publish TOPIC DATA --id ID, or without --id\n',
  ],
  [
    ['publish', 't', 'x', '--lines'],
    2,
    'mcp-sse: --lines reads stdin; give - as the data.\nTry: mcp-sse publish TOPIC - --lines\n',
  ],
  [
    ['subscribe', '--tpye', 'a'],
    2,
    "mcp-sse: Unknown option '--tpye'. Did you mean --type?\nTry: mcp-sse subscribe --help\n",
  ],
  [
    ['subscribe', '--count', '0'],
    2,
    "mcp-sse: Option '--count <n>' argument '0' is invalid. It is a whole number from 1.\nTry: mcp-sse subscribe --help\n",
  ],
  [
    ['topics', '--url', 'localhost:3000'],
    2,
    'mcp-sse: --url is not an http or https URL: localhost:3000\nTry: mcp-sse topics --url http://127.0.0.1:3000\n',
  ],
  [['config'], 2, 'mcp-sse: A command is missing.\nTry: mcp-sse config --help\n'],
  [['config', 'prnt'], 2, "mcp-sse: Unknown command 'prnt'. Did you mean print?\nTry: mcp-sse config --help\n"],
  [
    ['serve', '--stream-heartbeet', '1s'],
    78,
    "mcp-sse: Unknown option '--stream-heartbeet'. Did you mean --stream-heartbeat?\nTry: mcp-sse serve --help\n",
  ],
  [['serve', '--port'], 78, "mcp-sse: Option '--port <number>' argument missing.\nTry: mcp-sse serve --help\n"],
  [
    ['config', 'check', '--port'],
    78,
    "mcp-sse: Option '--port <number>' argument missing.\nTry: mcp-sse config check --help\n",
  ],
  [['key', 'new'], 2, "mcp-sse: Missing required argument 'name'.\nTry: mcp-sse key new --help\n"],
  [
    ['key', 'new', 'new', '--publsh', 'a'],
    2,
    "mcp-sse: Unknown option '--publsh'. Did you mean --publish?\nTry: mcp-sse key new --help\n",
  ],
  [['token', 'new'], 2, "mcp-sse: Required option '--sub <subject>' not specified.\nTry: mcp-sse token new --help\n"],
  [
    ['publish', 't', 'x', '--type'],
    2,
    "mcp-sse: Option '-t, --type <type>' argument missing.\nTry: mcp-sse publish --help\n",
  ],
  [
    ['serve', '--port', 'tcp'],
    78,
    'mcp-sse: --port: port = tcp is refused; allowed is a whole number from 0 to 65535.\nTry: mcp-sse config print --sample\n',
  ],
  [
    ['config', 'check', '--config', 'none.toml'],
    78,
    'mcp-sse: none.toml: there is no such file. Name a readable file or leave the option out.\nTry: mcp-sse config print --sample\n',
  ],
] as const)('%j ends with %d and something to type', async (args, exitCode, stderr) => {
  expect(await run(args)).toEqual({ stdout: '', stderr, exitCode })
})

test('version prints the version of the package', async () => {
  expect(await run(['version'])).toMatchObject({ stdout: `mcp-sse ${version} (Bun ${Bun.version})\n`, exitCode: 0 })
  expect(JSON.parse((await run(['version', '--json'])).stdout)).toEqual({ version, bun: Bun.version })
})

test('serve --help names flag, variable and default of a key', async () => {
  const { stdout, exitCode } = await run(['serve', '--help'])
  expect(exitCode).toBe(0)
  expect(stdout.replaceAll(/\s+/g, ' ')).toContain('(MCP_SSE_STREAM_HEARTBEAT; default: 15s)')
  expect(stdout).toContain('--stream-heartbeat <duration>')
})

test('config check says ok and which file it read', async () => {
  const { stdout, stderr, exitCode } = await run(['config', 'check'], {
    file: 'port = 1\n',
    env: { MCP_SSE_PORT: 'tcp://10.0.0.1:3000' },
  })
  expect(stdout).toMatch(/^The configuration is ok \(file .*mcp-sse\.toml\)\.\n$/)
  expect([stderr, exitCode]).toEqual(['mcp-sse: MCP_SSE_PORT is not a setting and is ignored. Did you mean PORT?\n', 0])
})

test.each([
  ['a file that is not there', 'nope.json', ': The file "'],
  ['a file that is no set of keys', 'mcp-sse.toml', ': The file "'],
  ['a loopback address that is not written as one', 'http://[::ffff:127.0.0.1]:1/jwks', ': auth.jwt.jwks is'],
])(
  'config check refuses keys of an issuer in %s as serve does, under the name of the variable',
  async (_, jwks, says) => {
    const env = {
      MCP_SSE_AUTH_JWT_JWKS: jwks,
      MCP_SSE_AUTH_JWT_ISSUER: 'i',
      MCP_SSE_AUTH_JWT_AUDIENCE: 'a',
      PORT: '0',
      MCP_SSE_DURABILITY: 'memory',
    }
    const checked = await run(['config', 'check'], { env, file: '' })
    expect(checked).toMatchObject({ exitCode: 78, stdout: '' })
    expect(checked.stderr).toStartWith(`mcp-sse: MCP_SSE_AUTH_JWT_JWKS${says}`)
    const served = await run(['serve'], { env, file: '' })
    expect(served.exitCode).toBe(78)
    // Each ran in a directory of its own.
    expect(served.stderr.replace(/".*"/, '')).toBe(checked.stderr.replace(/".*"/, ''))
  },
)

test('config check refuses a key of tickets that serve could not start with', async () => {
  using dir = tempDir()
  writeFileSync(join(dir.path, 'ticket.key'), 'short', { mode: 0o600 })
  const env = { DATA_DIR: dir.path, PORT: '0' }
  for (const verb of [['config', 'check'], ['serve']]) {
    const ended = await run(verb, { env })
    expect(ended).toMatchObject({ exitCode: 78, stderr: expect.stringContaining('is not the key of tickets') })
  }
})

test('config check asks no issuer: one that does not answer is no reason not to start', async () => {
  const env = {
    MCP_SSE_AUTH_JWT_JWKS: 'http://login.localhost:1/jwks',
    MCP_SSE_AUTH_JWT_ISSUER: 'i',
    MCP_SSE_AUTH_JWT_AUDIENCE: 'a',
  }
  expect(await run(['config', 'check'], { env })).toMatchObject({ exitCode: 0, stderr: '' })
})

test('config print shows each value with its origin, as text and as JSON', async () => {
  const source = { file: '[stream]\nretry = "1s"\n', env: { PORT: '1234' } }
  const text = await run(['config', 'print', '--drain-delay', '2s'], source)
  expect(text.exitCode).toBe(0)
  expect(text.stdout).toMatch(/^port +1234 +PORT$/m)
  expect(text.stdout).toMatch(/^stream\.retry +1s +mcp-sse\.toml:2$/m)
  expect(text.stdout).toMatch(/^drain\.delay +2s +--drain-delay$/m)
  expect(text.stdout).toMatch(/^durability +full +default$/m)
  const json = await run(['config', 'print', '--json'], source)
  const rows = json.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(rows).toContainEqual({ key: 'port', value: '1234', origin: 'PORT' })
})

test('config print --sample is a file that config check accepts', async () => {
  const sample = await run(['config', 'print', '--sample'])
  expect(await run(['config', 'check'], { file: sample.stdout })).toMatchObject({ exitCode: 0, stderr: '' })
})
