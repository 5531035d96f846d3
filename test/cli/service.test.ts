import { describe, expect, test } from 'bun:test'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { BAD_CONFIG, exitCodeOf } from '../../src/cli/exit.ts'
import { placesBelow } from '../../src/cli/service/places.ts'
import { loadConfig } from '../../src/config/load.ts'
import { runCommand } from '../support/command.ts'
import { expectSecret, registerSecret, secret } from '../support/secrets.ts'
import { tempDir } from '../support/temp-dir.ts'

const UNIT = readFileSync(resolve(import.meta.dir, '../../packaging/systemd/mcp-sse.service'), 'utf8')

/** `mcp-sse service … --root`, whose stdout is where a new key belongs. */
async function service(root: string, ...args: string[]) {
  const ended = await runCommand(['service', ...args, '--root', root], expectSecret({ cwd: root }))
  const key = /mcpsse_[\w-]{43}/.exec(ended.stdout)?.[0]
  if (key) registerSecret(key, 'the key of the service')
  return { ...ended, key }
}

/** An image in which the executable lies already: what runs here is none. */
function image(files: Record<string, string> = {}) {
  const dir = tempDir()
  const places = placesBelow(dir.path)
  for (const [path, text] of Object.entries({ 'usr/local/bin/mcp-sse': 'an executable', ...files })) {
    mkdirSync(dirname(join(dir.path, path)), { recursive: true })
    writeFileSync(join(dir.path, path), text, { mode: 0o644 })
  }
  const paths = () => readdirSync(dir.path, { recursive: true, encoding: 'utf8' }).filter((path) => !/\.bun/.test(path))
  return { ...places, paths, [Symbol.dispose]: dir[Symbol.dispose] }
}

const modeOf = (path: string) => statSync(path).mode & 0o777

describe('service install', () => {
  test('makes unit, settings and key, shows the key once and the next time changes nothing', async () => {
    using at = image()
    const first = await service(at.root, 'install')
    expect(first).toMatchObject({ exitCode: 0, stderr: `Try: systemctl --root=${at.root} enable mcp-sse.service\n` })
    expect(readFileSync(at.unit, 'utf8')).toBe(UNIT)
    expect(readFileSync(at.key, 'utf8')).toBe(`${first.key}\n`)
    expect([at.unit, at.settings, at.key].map(modeOf)).toEqual([0o644, 0o644, 0o600])
    expect(first.stdout).toContain(`export MCP_SSE_KEY=${first.key}\n`)
    expect(first.stdout).toContain('localhost:3000/events/greetings\n')
    const before = at.paths()
    const second = await service(at.root, 'install')
    expect(second).toMatchObject({ exitCode: 0, key: undefined })
    expect(second.stdout).toStartWith('All files are as they should be.\n')
    expect(at.paths()).toEqual(before)
    expect(readFileSync(at.key, 'utf8')).toBe(`${first.key}\n`)
  })

  test('with --json is one document, the only one with the key', async () => {
    using at = image({ 'etc/mcp-sse/mcp-sse.toml': 'port = 4000\n' })
    const document = JSON.parse((await service(at.root, 'install', '--json')).stdout)
    expect(document).toMatchObject({ dryRun: false, key: readFileSync(at.key, 'utf8').trim(), unit: at.unit })
    expect(document.url).toBe('http://localhost:4000')
    expect(JSON.parse((await service(at.root, 'install', '--json')).stdout)).toMatchObject({ key: null, did: [] })
  })

  test('with --dry-run says what it would do and does nothing of it', async () => {
    using at = image()
    const before = at.paths()
    const { stdout, exitCode, key } = await service(at.root, 'install', '--dry-run')
    expect({ exitCode, key }).toEqual({ exitCode: 0, key: undefined })
    expect(stdout).toContain(`make a key in ${at.key}\n`)
    expect(stdout).toEndWith('Nothing is changed.\n')
    expect(at.paths()).toEqual(before)
  })

  test('keeps a unit that somebody changed beside its own', async () => {
    using at = image({ 'etc/systemd/system/mcp-sse.service': 'changed' })
    expect((await service(at.root, 'install')).exitCode).toBe(0)
    expect(readFileSync(at.unit, 'utf8')).toBe(UNIT)
    expect(readFileSync(`${at.unit}.old`, 'utf8')).toBe('changed')
  })

  const refused: [string, Record<string, string>, number, string][] = [
    ['auth.open', { 'etc/mcp-sse/mcp-sse.toml': '[auth]\nopen = true\n' }, 78, 'auth.open lets everyone in'],
    ['an empty key', { 'etc/mcp-sse/key': '' }, 78, 'is empty. Write the secret to it.'],
    ['a short key', { 'etc/mcp-sse/key': 'secret' }, 78, 'MCP_SSE_AUTH_KEY'],
    ['settings that would not start', { 'etc/mcp-sse/mcp-sse.toml': 'prot = 1\n' }, 78, 'Did you mean "port"?'],
    ['a port it has no right to', { 'etc/mcp-sse/mcp-sse.toml': 'port = 80\n' }, 1, 'port = 80, which the service has'],
    [
      'a directory it cannot write to',
      { 'etc/mcp-sse/mcp-sse.toml': 'data_dir = "/srv/events"\n' },
      1,
      'data_dir = /srv/events, where the service cannot write: its events belong in /var/lib/mcp-sse.',
    ],
    ['a relative one', { 'etc/mcp-sse/mcp-sse.toml': 'data_dir = "data"\n' }, 1, 'where the service cannot write'],
  ]
  test.each(refused)('with %s is refused and changes nothing', async (_, files, exitCode, sentence) => {
    using at = image(files)
    const before = at.paths()
    const ended = await service(at.root, 'install')
    expect(ended.stderr).toContain(sentence)
    expect(ended.stderr).toContain('\nTry: ')
    expect(ended).toMatchObject({ exitCode, stdout: '' })
    expect(at.paths()).toEqual(before)
  })

  test('with settings the service cannot read says how it can', async () => {
    using at = image({ 'etc/mcp-sse/mcp-sse.toml': '' })
    expect(Bun.spawnSync(['chmod', '600', at.settings]).exitCode).toBe(0)
    expect(await service(at.root, 'install')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/LoadCredential= hands over .*\nTry: chmod 644 .*mcp-sse.toml\n$/),
    })
    expect(existsSync(at.key)).toBe(false)
  })

  test('with a secret in the settings says where it belongs, which is what the service says as well', async () => {
    using at = image({ 'etc/mcp-sse/mcp-sse.toml': `[auth.jwt]\nsecret = "${secret()}"\n` })
    const { exitCode, stderr } = await service(at.root, 'install')
    expect(exitCode).toBe(0)
    expect(stderr).toContain('holds auth.jwt.secret and every user of this machine can read it: ')
    expect(stderr).toContain('LoadCredential=')
    expect(stderr).not.toContain('chmod')
  })

  test('with settings or a key that are links to nothing is refused, and the links stay', async () => {
    for (const name of ['settings', 'key'] as const) {
      using at = image({ 'etc/mcp-sse/other': '' })
      symlinkSync('/not-mounted/mcp-sse', at[name])
      expect((await service(at.root, 'install')).exitCode).toBe(78)
      expect(lstatSync(at[name]).isSymbolicLink()).toBe(true)
    }
  })

  test('takes a port below 1024 that a drop-in gives it the right to', async () => {
    using at = image({
      'etc/mcp-sse/mcp-sse.toml': 'port = 443\n',
      'etc/systemd/system/mcp-sse.service.d/port.conf': '[Service]\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n',
    })
    expect((await service(at.root, 'install')).exitCode).toBe(0)
  })

  test('says where the events will really be', async () => {
    for (const [settings, said] of [
      ['data_dir = "/var/lib/mcp-sse/events"', 'Events will be in /var/lib/mcp-sse/events.\n'],
      ['durability = "memory"', 'Events will be in memory only'],
    ] as const) {
      using at = image({ 'etc/mcp-sse/mcp-sse.toml': `${settings}\n` })
      expect((await service(at.root, 'install')).stdout).toContain(said)
    }
  })

  test('without an executable to start says where it belongs', async () => {
    using dir = tempDir()
    const { exitCode, stderr } = await service(dir.path, 'install')
    expect(exitCode).toBe(1)
    expect(stderr).toContain(`Try: install -m 755 <the downloaded mcp-sse> ${dir.path}/usr/local/bin/mcp-sse\n`)
  })

  test.skipIf(existsSync('/run/systemd/system'))('where systemd does not run says how to go without', async () => {
    using dir = tempDir()
    for (const verb of ['install', 'uninstall']) {
      const ended = await runCommand(['service', verb], { cwd: dir.path })
      expect(ended).toMatchObject({ exitCode: 1, stdout: '' })
      expect(ended.stderr).toContain('This machine does not run systemd.')
      expect(ended.stderr).toContain('\nTry: MCP_SSE_AUTH_KEY_FILE=')
    }
  })
})

test('service uninstall takes the unit and leaves events, settings and key, and says where', async () => {
  const kept = secret('the key of the service')
  using at = image({ 'var/lib/mcp-sse/events.db': 'events', 'etc/mcp-sse/key': `${kept}\n` })
  await service(at.root, 'install')
  const planned = await service(at.root, 'uninstall', '--dry-run')
  expect(planned.stdout).toStartWith(`It would remove ${at.unit}.`)
  expect(existsSync(at.unit)).toBe(true)
  const ended = await service(at.root, 'uninstall')
  expect(ended).toMatchObject({ exitCode: 0, stderr: '' })
  expect(ended.stdout.split('\n').slice(1)).toEqual([
    ...[at.data, at.settings, at.key, at.executable].map((path) => `  ${path}`),
    '',
  ])
  expect(existsSync(at.unit)).toBe(false)
  expect(readFileSync(at.key, 'utf8')).toBe(`${kept}\n`)
  const again = await service(at.root, 'uninstall', '--json')
  expect(JSON.parse(again.stdout)).toMatchObject({ removed: null, left: expect.arrayContaining([at.data]) })
})

test('service print writes the unit and nothing else', async () => {
  using dir = tempDir()
  expect(await runCommand(['service', 'print'], { cwd: dir.path })).toEqual({ stdout: UNIT, stderr: '', exitCode: 0 })
})

test('the unit fits the hub: its exit code, its drain and the variable of its key', () => {
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(UNIT)?.[1]
  expect(value('RestartPreventExitStatus')).toBe(String(BAD_CONFIG))
  // An address that is not there yet is tried for again and again.
  expect(exitCodeOf('address-missing')).not.toBe(BAD_CONFIG)
  expect(value('StartLimitIntervalSec')).toBe('0')
  using at = image({ 'etc/mcp-sse/key': secret('the key of the service') })
  const [variable, path] = value('Environment')!.split('=')
  expect(path).toBe('%d/key')
  const { config } = loadConfig({ env: { [variable!]: at.key }, cwd: at.root, mode: 'executable' })
  expect(config.auth.key).toBe(readFileSync(at.key, 'utf8'))
  const { delayMs, timeoutMs } = config.drain
  expect(Number(value('TimeoutStopSec')) * 1_000).toBeGreaterThanOrEqual(delayMs + timeoutMs + 15_000)
})
