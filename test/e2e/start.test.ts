import { Database } from 'bun:sqlite'
import { afterEach, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { APPLICATION_ID, FORMAT, FORMAT_0 } from '../../src/storage/sqlite/schema.ts'
import { Executable, executablePath } from '../support/executable.ts'
import { Follower } from '../support/follower.ts'
import { freePort } from '../support/port.ts'
import { secret } from '../support/secrets.ts'
import { runExecutable, type StartupOptions } from '../support/startup.ts'
import { tempDir } from '../support/temp-dir.ts'
import { until } from '../support/until.ts'

const FAILED = 1
const USAGE = 2
const IO_ERROR = 74
const BAD_CONFIG = 78
/** Where the header of a SQLite file has `user_version`, which is our format. */
const FORMAT_AT = 60

let server: Executable | undefined
afterEach(async () => {
  await server?.remove()
  server = undefined
})

/** Runs `mcp-sse ARGS` and expects it to end by itself with sentences for a person. @returns what it said */
async function expectRefusal(args: readonly string[], exitCode: number, options: StartupOptions): Promise<string> {
  const ended = await runExecutable(args, options)
  expect(ended).toMatchObject({ exitCode, stdout: '' })
  // Sentences, then what to type; no stack, no `undefined`, no code of ours.
  expect(ended.stderr).toMatch(/^(mcp-sse: [^\n]+[.?]\n)+Try: mcp-sse [^\n]+\n$/)
  expect(ended.stderr).not.toMatch(/\bat .*:\d+:\d+|node:|undefined|\[object|HubError|src\//)
  return ended.stderr
}

/** What is written comes by another way than what is answered. */
async function says(hub: Executable, text: string): Promise<void> {
  await until(`it to say: ${text}`, () => hub.output.includes(text))
}

/** Every file below `directory` and its bytes. */
function bytesOf(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return Object.fromEntries(
    files.map((file) => {
      const path = join(file.parentPath, file.name)
      return [path, Bun.hash(readFileSync(path)).toString(36)]
    }),
  )
}

/** The data directory of a hub that published `count` events and was stopped in order. */
async function leftBehind(count = 3): Promise<Executable> {
  server = await Executable.serve()
  for (let number = 0; number < count; number++) {
    await fetch(`${server.url}/events/old`, { method: 'POST', body: `${number}` })
  }
  expect(await server.kill('SIGTERM')).toBe(0)
  return server
}

function unshares(...kinds: string[]): boolean {
  return Bun.which('unshare') !== null && Bun.spawnSync(['unshare', ...kinds, 'true']).exitCode === 0
}

describe('a data directory that cannot be used stops the start, exit 74', () => {
  test('a file in its place', async () => {
    using dir = tempDir()
    writeFileSync(join(dir.path, 'data'), 'mine')
    const said = await expectRefusal(['serve'], IO_ERROR, { cwd: dir.path })
    expect(said).toContain(`${dir.path}/data`)
    expect(said).toContain('DATA_DIR')
    expect(readFileSync(join(dir.path, 'data'), 'utf8')).toBe('mine')
  })

  test('a place where nothing can be made', async () => {
    using dir = tempDir()
    const said = await expectRefusal(['serve', '--data-dir', '/proc/mcp-sse'], IO_ERROR, { cwd: dir.path })
    expect(said).toContain('/proc/mcp-sse cannot be written to')
  })

  test.skipIf(!unshares('--mount'))('a disk that is mounted read-only, with a log on it', async () => {
    const old = await leftBehind()
    const before = bytesOf(old.dataDir)
    const readOnly = 'mount --bind "$DATA_DIR" "$DATA_DIR" && mount -o remount,bind,ro "$DATA_DIR" && exec "$@"'
    const said = await expectRefusal(['serve'], IO_ERROR, {
      cwd: old.dataDir,
      env: { DATA_DIR: old.dataDir },
      through: ['unshare', '--mount', 'sh', '-c', readOnly, 'sh'],
    })
    expect(said).toContain(`${old.dataDir} cannot be written to`)
    expect(bytesOf(old.dataDir)).toEqual(before)
  })
})

test('a data directory that another hub uses is left alone, exit 1, with the number of that process', async () => {
  server = await Executable.serve()
  using dir = tempDir()
  const said = await expectRefusal(['serve'], FAILED, { cwd: dir.path, env: { DATA_DIR: server.dataDir } })
  expect(said).toContain(`${server.dataDir} is in use by process ${server.pid}`)
  expect((await fetch(`${server.url}/events/a`, { method: 'POST', body: 'still here' })).status).toBe(201)
  // However the one that has it ends, no lock is left behind.
  await server.kill('SIGKILL')
  await server.start()
})

describe('a database that is damaged or foreign stops the start, exit 74, and is left untouched', () => {
  test.each([
    ['garbage', () => Buffer.from('not a database '.repeat(1_000))],
    ['the header of one and garbage', (real: Buffer) => Buffer.concat([real.subarray(0, 100), Buffer.alloc(9_000, 7)])],
    ['cut short', (real: Buffer) => real.subarray(0, real.length - 20_000)],
    [
      'another program’s',
      (real: Buffer) => {
        const foreign = Buffer.from(real)
        foreign.writeUInt32BE(0x12345678, 68)
        return foreign
      },
    ],
  ])('%s', async (_, damage) => {
    const { dataDir } = await leftBehind()
    const path = join(dataDir, 'events.db')
    writeFileSync(path, damage(readFileSync(path)))
    const before = bytesOf(dataDir)
    const said = await expectRefusal(['serve'], IO_ERROR, { cwd: dataDir, env: { DATA_DIR: dataDir } })
    expect(said).toContain(path)
    expect(said).toMatch(/restore a backup/)
    expect(bytesOf(dataDir)[path]).toBe(before[path])
    expect(Object.keys(bytesOf(dataDir)).filter((name) => name.endsWith('.bak'))).toEqual([])
  })
})

test('a database of a newer format stops the start, exit 78, and is left untouched', async () => {
  const { dataDir } = await leftBehind()
  const path = join(dataDir, 'events.db')
  const bytes = readFileSync(path)
  bytes.writeUInt32BE(FORMAT + 8, FORMAT_AT)
  writeFileSync(path, bytes)
  const said = await expectRefusal(['serve'], BAD_CONFIG, { cwd: dataDir, env: { DATA_DIR: dataDir } })
  expect(said).toContain(`format ${FORMAT + 8}, this program knows formats up to ${FORMAT}`)
  expect(readFileSync(path).equals(bytes)).toBe(true)
})

test('a database of an older format is backed up, brought up to date and served', async () => {
  using dir = tempDir()
  const dataDir = join(dir.path, 'data')
  const path = join(dataDir, 'events.db')
  mkdirSync(dataDir)
  const old = new Database(path)
  old.run(FORMAT_0)
  old.run(`PRAGMA application_id = ${APPLICATION_ID}`)
  old.run("INSERT INTO generations VALUES (1, 'oldepoch')")
  old.run("INSERT INTO topics VALUES (1, 'old')")
  const received = Date.now() - 1_000
  for (const offset of [1, 2, 3]) {
    old.run("INSERT INTO events VALUES (?, 1, ?, 20, 0, 'message', NULL, NULL, ?)", [offset, received, `${offset}`])
  }
  old.close()
  server = await Executable.serve({ DATA_DIR: dataDir })
  const hub = server
  const place = () => /the old one is kept as (\S+)\./.exec(hub.output)?.[1]
  const backup = await until('where the old one is', place)
  expect(backup).toStartWith(path)
  const kept = new Database(backup, { readonly: true })
  expect(kept.query('SELECT count(*) AS count FROM events').get()).toEqual({ count: 3 })
  expect(kept.query('PRAGMA user_version').get()).toEqual({ user_version: 0 })
  kept.close()
  const reader = await Follower.open(`${server.url}/events/old?since=earliest`)
  await until('the old events', () => reader.events.length === 3)
  expect(reader.events.map(({ id }) => id)).toEqual(['oldepoch.1', 'oldepoch.2', 'oldepoch.3'])
  await fetch(`${server.url}/events/old`, { method: 'POST', body: '4' })
  await until('a new one after them', () => reader.events.at(-1)?.data === '4')
  reader.stop()
})

test('a port in use: exit 1, with the variable that chooses another one', async () => {
  using dir = tempDir()
  const port = freePort()
  const other = Bun.listen({ hostname: '127.0.0.1', port, socket: { data() {} } })
  try {
    const said = await expectRefusal(['serve'], FAILED, { cwd: dir.path, env: { PORT: String(port) } })
    expect(said).toContain(`Port ${port}`)
    expect(said).toContain('PORT=')
  } finally {
    other.stop(true)
  }
})

describe('a wrong configuration stops the start, exit 78, naming source, key, value and what is allowed', () => {
  interface Wrong {
    env?: Record<string, string>
    flags?: string[]
    file?: string
    says: (string | RegExp)[]
  }
  const cases: [string, Wrong][] = [
    [
      'an unknown key in the file',
      { file: '[stream]\nheartbeet = "5s"', says: ['heartbeet', 'heartbeat', 'mcp-sse.toml'] },
    ],
    ['an unknown table in the file', { file: '[strem]\nheartbeat = "5s"', says: ['strem', 'mcp-sse.toml'] }],
    ['a file that is no TOML', { file: 'port = = 1', says: ['mcp-sse.toml'] }],
    [
      'a bad value in the file',
      { file: '[retention]\nmax_events = 0', says: ['mcp-sse.toml', 'retention.max_events', '0', 'from 1 to'] },
    ],
    [
      'a bad duration in a variable',
      { env: { MCP_SSE_STREAM_HEARTBEAT: 'often' }, says: ['MCP_SSE_STREAM_HEARTBEAT', 'often', '15s'] },
    ],
    [
      'a bad size in a flag',
      { flags: ['--retention-max-bytes', 'lots'], says: ['--retention-max-bytes', 'lots', 'MiB'] },
    ],
    ['an unknown flag', { flags: ['--prot', '80'], says: ['--prot', '--port'] }],
    ['a file that is not there', { flags: ['--config', 'none.toml'], says: ['none.toml'] }],
    [
      'the PORT Kubernetes makes for a service',
      { env: { PORT: 'tcp://10.0.0.1:80' }, says: ['PORT', 'tcp://10.0.0.1:80', '65535'] },
    ],
    ['a HOST that others can reach', { env: { HOST: '0.0.0.0' }, says: ['HOST', '0.0.0.0', 'loopback'] }],
    [
      'values that cannot go together',
      { env: { MCP_SSE_STREAM_HEARTBEAT: '5m' }, says: ['MCP_SSE_STREAM_HEARTBEAT', '4m'] },
    ],
  ]
  test.each(cases)('%s', async (_, { env = {}, flags = [], file, says }) => {
    using dir = tempDir()
    if (file !== undefined) writeFileSync(join(dir.path, 'mcp-sse.toml'), file)
    const said = await expectRefusal(['serve', ...flags], BAD_CONFIG, { cwd: dir.path, env })
    for (const word of says) expect(said).toMatch(word instanceof RegExp ? word : RegExp(RegExp.escape(word)))
    // Refused before anything was made.
    expect(existsSync(join(dir.path, 'data'))).toBe(false)
  })
})

test('a stray MCP_SSE_PORT=tcp://…, as Kubernetes sets it, only warns', async () => {
  server = await Executable.serve({ MCP_SSE_PORT: 'tcp://10.0.0.1:3000', MCP_SSE_SERVICE_HOST: '10.0.0.1' })
  await says(server, 'MCP_SSE_PORT is not a setting and is ignored. Did you mean PORT?')
  await says(server, 'MCP_SSE_SERVICE_HOST is not a setting')
  expect((await fetch(`${server.url}/livez`)).status).toBe(200)
})

const AS_OTHER = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
const canBeOther =
  process.getuid?.() === 0 &&
  Bun.which('setpriv') !== null &&
  Bun.spawnSync([...AS_OTHER, executablePath(), 'version']).exitCode === 0
if (!canBeOther) console.warn('skipped: nothing here runs as another user (needs root, setpriv and a readable path)')

/** A network of its own that has no IPv6, with what `then` runs in it. */
function without6(then: string): string[] {
  const setUp = 'ip link set lo up && echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6'
  return ['unshare', '--net', 'sh', '-c', `${setUp} && ${then}`, 'sh']
}

const canDoWithout6 = unshares('--net') && Bun.spawnSync(without6('command -v curl')).exitCode === 0
if (!canDoWithout6) console.warn('skipped: no network namespaces here (needs root, iproute2 and curl)')

describe.skipIf(!canDoWithout6)('on a machine without IPv6', () => {
  test('the default HOST listens on what there is and says what there is not', async () => {
    using dir = tempDir()
    const port = freePort()
    // Inside its own network: only a client in there sees it.
    const ask = `("$@" >&2 & hub=$!; for try in $(seq 200); do
      curl -fsS --max-time 2 -d hello 127.0.0.1:${port}/events/a 2>/dev/null && break; sleep 0.05; done; kill $hub; wait $hub)`
    const { stdout, stderr, exitCode } = await runExecutable(['serve'], {
      cwd: dir.path,
      env: { PORT: String(port) },
      through: without6(ask),
    })
    expect(stdout).toContain('"topic":"a"')
    expect(stderr).toContain('this machine has no ::1; listening without it.')
    expect(stderr).toContain(`listens on http://127.0.0.1:${port}\n`)
    expect(exitCode).toBe(0)
  })

  test('a HOST that has nothing else stops the start, exit 1: what starts services tries again', async () => {
    using dir = tempDir()
    const said = await expectRefusal(['serve', '--host', '::1'], FAILED, {
      cwd: dir.path,
      through: without6('exec "$@"'),
    })
    expect(said).toContain('::1')
  })
})

test('an address that is not there yet is exit 1, unlike a wrong configuration', async () => {
  using dir = tempDir()
  const env = { HOST: '192.0.2.1', MCP_SSE_AUTH_KEY: secret() }
  const said = await expectRefusal(['serve'], FAILED, { cwd: dir.path, env })
  expect(said).toContain('This machine has no address 192.0.2.1. If it comes later')
})

test('one of several addresses that is not there is a warning, and the others are listened on', async () => {
  server = await Executable.serve({ HOST: '192.0.2.1,127.0.0.1', MCP_SSE_AUTH_KEY: secret() })
  await says(server, 'warning: this machine has no 192.0.2.1; listening without it.')
})

describe('settings that are there and cannot be read stop the start, exit 78, which would be open without them', () => {
  test('a link to a disk that is not mounted', async () => {
    using dir = tempDir()
    symlinkSync('/not-mounted/mcp-sse.toml', join(dir.path, 'mcp-sse.toml'))
    const said = await expectRefusal(['serve'], BAD_CONFIG, { cwd: dir.path })
    expect(said).toContain('mcp-sse.toml: it is a link to something that is not there.')
  })

  test.skipIf(!canBeOther)('a directory that is closed to the user of the hub', async () => {
    using dir = tempDir()
    chmodSync(dir.path, 0o755)
    mkdirSync(join(dir.path, '.config/mcp-sse'), { recursive: true })
    chmodSync(join(dir.path, '.config/mcp-sse'), 0o700)
    const said = await expectRefusal(['serve'], BAD_CONFIG, { cwd: dir.path, through: AS_OTHER })
    expect(said).toContain('.config/mcp-sse/mcp-sse.toml: it cannot be read (EACCES).')
  })
})

describe('typed wrong: exit 2, with what to type instead', () => {
  test.each([
    [['serv'], /Unknown command 'serv'\. Did you mean serve\?/],
    [['publish'], /[Mm]issing .*topic/i],
    [['config'], /A command is missing/],
    [['publish', 'a', '--jsno', '{}'], /--jsno/],
  ])('mcp-sse %j', async (args, sentence) => {
    using dir = tempDir()
    expect(await expectRefusal(args, USAGE, { cwd: dir.path })).toMatch(sentence)
  })
})

const canMount = unshares('--mount')
if (!canMount) console.warn('skipped: no mount namespaces here (unshare --mount needs root)')

describe.skipIf(!canMount)('on a disk that fills up', () => {
  test('publishes get 507, reads go on, a stop is in order, and all works again when there is room', async () => {
    using dir = tempDir()
    const dataDir = join(dir.path, 'data')
    mkdirSync(dataDir)
    // A small disk that only this process and who enters its namespace see, and that goes with it.
    const mount = `mount -t tmpfs -o size=64m none '${dataDir}' && echo mounted && exec sleep 600`
    const disk = Bun.spawn(['unshare', '--mount', 'sh', '-c', mount], { stdout: 'pipe', stderr: 'inherit' })
    try {
      await disk.stdout.getReader().read()
      const enter = ['nsenter', '-t', String(disk.pid), '--mount']
      await fillAndFree(dataDir, join(`/proc/${disk.pid}/root`, dataDir), enter)
    } finally {
      await server?.kill('SIGKILL')
      disk.kill()
      await disk.exited
    }
  })

  /** `seen`: the data directory as this process reaches it. */
  async function fillAndFree(dataDir: string, seen: string, enter: readonly string[]): Promise<void> {
    server = await Executable.serve({ DATA_DIR: dataDir }, freePort(), enter)
    const hub = server
    const ballast = join(seen, 'ballast')
    // Its room takes the write-ahead log (16 MiB at most between checkpoints) a second time: what a checkpoint needs.
    writeFileSync(ballast, Buffer.alloc(40 * 1024 * 1024))
    const live = await Follower.open(`${hub.url}/events/full`)
    const publish = (data: string) => fetch(`${hub.url}/events/full`, { method: 'POST', body: data })
    const acknowledged: string[] = []
    const full = await until('the disk to be full', async () => {
      for (;;) {
        const response = await publish(`${acknowledged.length} ${'z'.repeat(200_000)}`)
        if (response.status !== 201) return response
        acknowledged.push(((await response.json()) as { cursor: string }).cursor)
      }
    })
    expect(full.status).toBe(507)
    expect(full.headers.get('content-type')).toBe('application/problem+json')
    expect(await full.json()).toMatchObject({ code: 'disk-full', detail: expect.stringMatching(/free space/) })
    expect(acknowledged.length).toBeGreaterThan(10)
    // Everything else goes on: the stream that is open, a replay, health.
    await until('the live reader to have all of them', () => live.events.length === acknowledged.length)
    expect(live.ended).toBe('no')
    await expectKept(hub, acknowledged)
    expect((await fetch(`${hub.url}/readyz`)).status).toBe(200)
    await says(hub, 'The disk is full')

    expect(await hub.kill('SIGTERM')).toBe(0)
    rmSync(ballast)
    await hub.start()
    await expectKept(hub, acknowledged)
    const again = await publish('again')
    expect(again.status).toBe(201)
    acknowledged.push(((await again.json()) as { cursor: string }).cursor)

    // And without a restart.
    const free = () => statfsSync(seen).bavail * statfsSync(seen).bsize
    writeFileSync(ballast, Buffer.alloc(Math.max(0, free() - 64 * 1024)))
    await until('the disk to be full again', async () => (await publish('z'.repeat(200_000))).status === 507)
    rmSync(ballast)
    expect((await publish('and again')).status).toBe(201)
    expect(await hub.kill('SIGTERM')).toBe(0)
    const inside = new Database(join(seen, 'events.db'))
    expect(inside.query('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }])
    inside.close()
  }

  async function expectKept({ url }: Executable, cursors: readonly string[]): Promise<void> {
    const replay = await Follower.open(`${url}/events/full?since=earliest`)
    await until('the replay', () => replay.events.length >= cursors.length)
    expect(replay.events.map(({ id }) => id!)).toEqual([...cursors])
    replay.stop()
  }
})
