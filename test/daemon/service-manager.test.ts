import { afterEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { ServiceManager } from '../../src/daemon/service-manager.ts'
import { canReceive, NotifySocket } from '../support/notify-socket.ts'
import { settled } from '../support/settled.ts'
import { tempDir } from '../support/temp-dir.ts'
import { until } from '../support/until.ts'

const PID = process.pid
if (!canReceive) console.warn('skipped: nothing here can hold a Unix datagram socket (apt-get install python3)')

describe.skipIf(!canReceive || process.platform !== 'linux')('what the service manager is told', () => {
  const closers: (() => void)[] = []
  afterEach(() => {
    for (const close of closers.splice(0)) close()
  })

  async function managed(address?: string) {
    const dir = tempDir()
    const socket = await NotifySocket.open(address ?? join(dir.path, 'notify'))
    closers.push(() => socket.close(), dir[Symbol.dispose])
    const warnings: string[] = []
    const warn = (sentence: string) => void warnings.push(sentence)
    const manager = await ServiceManager.open({ env: { NOTIFY_SOCKET: socket.address }, pid: PID, warn })
    return { socket, manager, warnings }
  }

  test.each(['a path', 'an abstract name'])('comes from this process, at %s', async (kind) => {
    const address = kind === 'a path' ? undefined : `@mcp-sse-test-${PID}-${Date.now()}`
    const { socket, manager, warnings } = await managed(address)
    manager.status('opening\n the  log')
    manager.ready('listens on port 1')
    manager.ready('a second time is none')
    const notices = await until('two notices', () => socket.notices[1] && socket.notices)
    expect(notices.map(({ pid, fields }) => ({ pid, fields }))).toEqual([
      { pid: PID, fields: { STATUS: 'opening the  log' } },
      { pid: PID, fields: { READY: '1', MAINPID: String(PID), STATUS: 'listens on port 1' } },
    ])
    expect(warnings).toEqual([])
  })

  test('a reload is told from its beginning, with its time, to its end, also one that throws', async () => {
    const { socket, manager } = await managed()
    manager.ready('fine')
    const ready = await until('READY', () => socket.with('READY')[0])
    expect(await settled(manager.during(() => Promise.reject(new Error('no'))))).toThrow('no')
    const [, begun, ended] = await until('three notices', () => socket.notices[2] && socket.notices)
    expect(begun!.fields.RELOADING).toBe('1')
    expect(Number(begun!.fields.MONOTONIC_USEC)).toBeWithin(ready.micros, begun!.micros + 1)
    expect(ended!.fields).toEqual({ READY: '1', STATUS: 'fine' })
  })

  test('a reload before it is ready or while it stops says nothing, least of all READY', async () => {
    const { socket, manager } = await managed()
    await manager.during(async () => {})
    manager.ready('fine')
    await manager.during(async () => manager.stopping(2_000))
    await manager.during(async () => {})
    manager.ready('again')
    manager.status('the end')
    await until('the end', () => socket.notices.find(({ fields }) => fields.STATUS === 'the end'))
    expect(socket.notices.map(({ fields }) => Object.keys(fields).join())).toEqual([
      'READY,MAINPID,STATUS',
      'RELOADING,MONOTONIC_USEC,STATUS',
      'STOPPING,EXTEND_TIMEOUT_USEC,STATUS',
      'STATUS',
    ])
    expect(Number(socket.with('STOPPING')[0]!.fields.EXTEND_TIMEOUT_USEC)).toBeGreaterThan(2_000_000)
  })

  test('waits in order while the manager takes nothing, and signs of life are left out meanwhile', async () => {
    const { socket, manager, warnings } = await managed()
    socket.pause(true)
    // More than any queue of datagrams has room for by default (10 behind the one that is being read).
    const told = Array.from({ length: 24 }, (_, index) => `line ${index}`)
    for (const line of told) manager.status(line)
    manager.ready('now')
    for (let life = 0; life < 50; life++) manager.alive()
    socket.pause(false)
    await until('READY', () => socket.with('READY')[0])
    const lines = socket.with('STATUS').map(({ fields }) => fields.STATUS!)
    expect(lines.at(-1)).toBe('now')
    const numbers = lines.slice(0, -1).map((line) => told.indexOf(line))
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    expect(socket.with('WATCHDOG')).toEqual([])
    expect(warnings).toEqual([])
  })

  test('the watchdog of another process is not ours', async () => {
    const { socket } = await managed()
    const watch = async (env: Record<string, string>) => {
      const told = { env: { NOTIFY_SOCKET: socket.address, ...env }, pid: PID, warn: expect.unreachable }
      return (await ServiceManager.open(told)).watchdogMs
    }
    expect(await watch({ WATCHDOG_USEC: '30000000' })).toBe(30_000)
    expect(await watch({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: String(PID) })).toBe(30_000)
    expect(await watch({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: String(PID + 1) })).toBeUndefined()
    for (const WATCHDOG_USEC of ['', '0', '-1', 'soon']) expect(await watch({ WATCHDOG_USEC })).toBeUndefined()
  })
})

test.each(['notify', 'vsock:2:1', `/${'x'.repeat(120)}`])(
  'an address that is no socket is said: %s',
  async (address) => {
    const warnings: string[] = []
    const warn = (sentence: string) => void warnings.push(sentence)
    const manager = await ServiceManager.open({ env: { NOTIFY_SOCKET: address }, pid: PID, warn })
    manager.ready('fine')
    expect(warnings).toEqual([expect.stringContaining(`NOTIFY_SOCKET=${address}`)])
  },
)

test('without a manager nothing is told and a reload runs all the same', async () => {
  const manager = await ServiceManager.open({ env: { WATCHDOG_USEC: '1' }, pid: PID, warn: expect.unreachable })
  let ran = false
  manager.ready('fine')
  await manager.during(async () => {
    ran = true
  })
  manager.stopping(0)
  manager.alive()
  expect([ran, manager.watchdogMs]).toEqual([true, undefined])
})
