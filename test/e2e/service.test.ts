import { afterEach, describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Executable, executablePath } from '../support/executable.ts'
import { canReceive, NotifySocket } from '../support/notify-socket.ts'
import { freePort } from '../support/port.ts'
import { reload } from '../support/reload.ts'
import { inspect, registerSecret } from '../support/secrets.ts'
import { settled } from '../support/settled.ts'
import { canStopThreads, stopThread, workerThreads } from '../support/stopped-thread.ts'
import { tempDir } from '../support/temp-dir.ts'
import { until } from '../support/until.ts'

const UNIT = resolve(import.meta.dir, '../../packaging/systemd/mcp-sse.service')
const WATCHDOG_MS = 400

/** Makes the moment before the port answers a long one. */
const SLOW_LISTEN = [
  ...['strace', '-D', '-f', '-qq', '-o', '/dev/null', '--seccomp-bpf', '-e', 'trace=listen'],
  ...['-e', 'inject=listen:delay_enter=300000'],
]

const linux = process.platform === 'linux'
const canStop = linux && (await canStopThreads())
const canTrace = Bun.which('strace') !== null && Bun.spawnSync([...SLOW_LISTEN, 'true']).exitCode === 0
const canAnalyze = Bun.which('systemd-analyze') !== null
const canUnshare = linux && Bun.spawnSync(['unshare', '--mount', 'true']).exitCode === 0
if (!canReceive) console.warn('skipped: nothing here can hold a Unix datagram socket (apt-get install python3)')
if (!canStop) console.warn('skipped: a thread cannot be stopped here (containers need SYS_PTRACE)')
if (!canTrace) console.warn('skipped: strace cannot trace here (apt-get install strace; containers need SYS_PTRACE)')
if (!canAnalyze) console.warn('skipped: systemd-analyze is not there (apt-get install systemd)')
if (!canUnshare) console.warn('skipped: no mount namespace here (unshare needs root)')

describe.skipIf(!linux || !canReceive)('under a service manager', () => {
  const closers: (() => unknown)[] = []
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close()
  })

  async function managed(env: Record<string, string> = {}, through: readonly string[] = []) {
    const dir = tempDir()
    const port = freePort()
    const socket = await NotifySocket.open(join(dir.path, 'notify'), `http://127.0.0.1:${port}/readyz`)
    closers.push(dir[Symbol.dispose], () => socket.close())
    const server = await Executable.serve({ NOTIFY_SOCKET: socket.address, ...env }, port, through)
    closers.push(() => server.remove())
    return { socket, server }
  }

  async function stopped(tid: number): Promise<() => Promise<void>> {
    const release = await stopThread(tid)
    closers.push(release)
    return release
  }

  /** Signs of life that are under way still come; then there are none in the time of eight. */
  async function expectNoLife(socket: NotifySocket): Promise<void> {
    await until('the signs of life to end', async () => {
      const before = socket.with('WATCHDOG').length
      await Bun.sleep(4 * WATCHDOG_MS)
      return socket.with('WATCHDOG').length === before
    })
  }

  async function expectMoreLife(socket: NotifySocket, signs: number): Promise<void> {
    const before = socket.with('WATCHDOG').length
    await until('more signs of life', () => socket.with('WATCHDOG').length >= before + signs)
  }

  test.skipIf(!canTrace)('READY comes once the port answers, and says from which process', async () => {
    const { socket, server } = await managed({}, SLOW_LISTEN)
    const ready = await until('READY', () => socket.with('READY')[0])
    expect(ready).toMatchObject({ readyz: 200, pid: server.pid, fields: { MAINPID: String(server.pid) } })
    expect(ready.fields.STATUS).toContain(`listens on ${server.url}`)
    expect(socket.notices[0]!.fields).toEqual({ STATUS: 'opening the event log' })
    expect(socket.with('WATCHDOG')).toEqual([])
  })

  test('SIGHUP is RELOADING and READY, SIGTERM is STOPPING with the time it may take', async () => {
    const { socket, server } = await managed({ MCP_SSE_DRAIN_TIMEOUT: '20s' })
    await until('READY', () => socket.with('READY')[0])
    await reload(server)
    const [, again] = await until('the second READY', () => socket.with('READY')[1] && socket.with('READY'))
    const [reloading] = socket.with('RELOADING')
    const micros = Number(reloading!.fields.MONOTONIC_USEC)
    expect(micros).toBeGreaterThan(socket.with('READY')[0]!.micros)
    expect(micros).toBeLessThanOrEqual(reloading!.micros)
    expect(again!.micros).toBeGreaterThan(reloading!.micros)
    expect(again).toMatchObject({ readyz: 200 })
    expect(await server.kill('SIGTERM')).toBe(0)
    const stopping = await until('STOPPING', () => socket.with('STOPPING')[0])
    expect(Number(stopping.fields.EXTEND_TIMEOUT_USEC)).toBeGreaterThan(20_000_000)
    expect(socket.notices.at(-1)).toBe(stopping)
  })

  test('a start that fails is never READY', async () => {
    const dir = tempDir()
    const socket = await NotifySocket.open(join(dir.path, 'notify'))
    closers.push(dir[Symbol.dispose], () => socket.close())
    const env = { NOTIFY_SOCKET: socket.address, PORT: 'none' }
    expect(await settled(Executable.serve(env))).toThrow('ended with 78')
    expect(socket.with('READY')).toEqual([])
  })

  test.skipIf(!canStop)('signs of life come regularly, and none while the writer of the log stands still', async () => {
    const { socket, server } = await managed({ WATCHDOG_USEC: String(WATCHDOG_MS * 1_000) })
    await until('signs of life', () => socket.with('WATCHDOG')[7])
    const times = socket.with('WATCHDOG').map(({ micros }) => micros / 1_000)
    const gaps = times.slice(1).map((time, index) => time - times[index]!)
    // Half of it; a busy machine makes some of them longer, not all.
    expect(Math.min(...gaps)).toBeLessThan(WATCHDOG_MS * 0.75)
    const [writer, reader] = workerThreads(server.pid)
    const release = await stopped(writer!)
    await expectNoLife(socket)
    // The event loop goes on meanwhile.
    expect((await fetch(`${server.url}/livez`)).status).toBe(200)
    await until('it to be said', () => server.output.includes('the writer of the event log did not answer'))
    await release()
    await expectMoreLife(socket, 2)
    // Which of the two it was: the other one holds up nothing.
    const releaseReader = await stopped(reader!)
    // More than can be on their way from before.
    await expectMoreLife(socket, 4)
    await releaseReader()
  })

  test.skipIf(!canStop)('no sign of life comes while the event loop stands still', async () => {
    const { socket, server } = await managed({ WATCHDOG_USEC: String(WATCHDOG_MS * 1_000) })
    await until('signs of life', () => socket.with('WATCHDOG')[1])
    const release = await stopped(server.pid)
    await expectNoLife(socket)
    await release()
    await expectMoreLife(socket, 1)
  })

  test('a log in memory is alive by itself', async () => {
    const env = { WATCHDOG_USEC: String(WATCHDOG_MS * 1_000), MCP_SSE_DURABILITY: 'memory' }
    const { socket } = await managed(env)
    await until('signs of life', () => socket.with('WATCHDOG')[2])
  })
})

describe.skipIf(!canAnalyze)('the unit', () => {
  function analyze(...args: string[]) {
    const { exitCode, stdout, stderr } = Bun.spawnSync(['systemd-analyze', ...args])
    return { exitCode, said: `${stdout}${stderr}` }
  }

  test('is what systemd takes without a word', () => {
    using dir = tempDir()
    const path = join(dir.path, 'mcp-sse.service')
    // Whether the executable is installed on this machine is not the question.
    writeFileSync(path, readFileSync(UNIT, 'utf8').replace('/usr/local/bin/mcp-sse', executablePath()))
    expect(analyze('verify', path)).toEqual({ exitCode: 0, said: '' })
    writeFileSync(path, readFileSync(UNIT, 'utf8').replace('ProtectClock', 'ProtectClok'))
    expect(analyze('verify', path).said).toContain('ProtectClok')
  })

  test('takes the drop-in for ports below 1024 that is documented', () => {
    using dir = tempDir()
    const path = join(dir.path, 'mcp-sse.service')
    const documented = readFileSync(resolve(import.meta.dir, '../../docs/deploy.md'), 'utf8')
    const [, dropIn] = /```ini\n# systemctl edit mcp-sse\n(\[Service\]\n[^`]*CAP_NET_BIND_SERVICE[^`]*)```/.exec(
      documented,
    )!
    mkdirSync(`${path}.d`)
    writeFileSync(path, readFileSync(UNIT, 'utf8').replace('/usr/local/bin/mcp-sse', executablePath()))
    writeFileSync(join(`${path}.d`, 'override.conf'), dropIn!)
    expect(analyze('verify', path)).toEqual({ exitCode: 0, said: '' })
    writeFileSync(join(`${path}.d`, 'override.conf'), dropIn!.replace('AmbientCap', 'AmbiantCap'))
    expect(analyze('verify', path).said).toContain('AmbiantCap')
  })

  test('leaves the hub hardly anything to do harm with: at most 2.0', () => {
    const { said } = analyze('security', '--offline=true', '--no-pager', UNIT)
    expect(Number(/exposure level for mcp-sse\.service: ([\d.]+)/.exec(said)?.[1])).toBeLessThanOrEqual(2)
  })
})

describe.skipIf(!canUnshare)('service install, on a machine of which only a copy is changed', () => {
  /** What asks systemctl is recorded; whatever is written ends with the namespace. */
  const SCRIPT = `
    set -e
    mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system
    mount -t tmpfs tmpfs /etc
    mount -t tmpfs tmpfs /usr/local/bin
    set +e
    "$1" service install; echo "exit $?"
    "$1" service install >/dev/null 2>&1; echo "again $?"
    stat -c '%a %n' /etc/mcp-sse/* /etc/systemd/system/* /usr/local/bin/*
    cmp "$1" /usr/local/bin/mcp-sse && /usr/local/bin/mcp-sse service uninstall; echo "uninstall $?"
    ls /etc/systemd/system`

  function install(systemctl: string) {
    using dir = tempDir()
    const log = join(dir.path, 'asked')
    const bin = join(dir.path, 'bin')
    mkdirSync(bin)
    writeFileSync(join(bin, 'systemctl'), `#!/bin/sh\necho "$@" >> ${log}\n${systemctl}\n`)
    chmodSync(join(bin, 'systemctl'), 0o755)
    const command = ['unshare', '--mount', 'sh', '-c', SCRIPT, 'sh', executablePath()]
    const { stdout, stderr } = Bun.spawnSync(command, { env: { PATH: `${bin}:${process.env.PATH}`, HOME: dir.path } })
    const key = /mcpsse_[\w-]{43}/.exec(`${stdout}`)?.[0]
    registerSecret(key ?? 'no key was printed at all', 'the key of the service')
    inspect('stderr of service install', `${stderr}`)
    return { said: `${stdout}`, complaints: `${stderr}`, asked: readFileSync(log, 'utf8').trim().split('\n') }
  }

  test('puts the executable, unit and key in their places and starts the service', () => {
    const { said, complaints, asked } = install('')
    expect(said).toContain('\nexit 0\nagain 0\n')
    expect(said).toContain('600 /etc/mcp-sse/key\n644 /etc/mcp-sse/mcp-sse.toml\n')
    expect(said).toContain('644 /etc/systemd/system/mcp-sse.service\n755 /usr/local/bin/mcp-sse\n')
    expect(said).toEndWith('\nuninstall 0\n')
    expect(complaints).toContain('mcp-sse.service runs')
    const starts = ['daemon-reload', 'enable mcp-sse.service', 'restart mcp-sse.service']
    expect(asked).toEqual([...starts, ...starts, 'disable --now mcp-sse.service', 'daemon-reload'])
  })

  test('says when it does not start, with the key all the same', () => {
    const { said, complaints } = install('[ "$1" != restart ] || { echo "Job failed." >&2; exit 1; }')
    expect(said).toMatch(/export MCP_SSE_KEY=mcpsse_[\w-]{43}\n/)
    expect(said).toContain('\nexit 1\n')
    expect(complaints).toContain('mcp-sse: Job failed.\nTry: journalctl -u mcp-sse.service -n 20\n')
  })
})
