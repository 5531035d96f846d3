import { afterEach, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FIRST_KEY_FILE } from '../../src/daemon/first-key.ts'
import { executablePath } from '../support/executable.ts'
import { freePort } from '../support/port.ts'
import { until } from '../support/until.ts'

const IO_ERROR = 74

/** `mcp-sse serve` whose stdout is what `shell` makes of it before it runs `"$@"`. */
class Unheard {
  readonly dir = mkdtempSync(join(tmpdir(), 'mcp-sse-unheard-'))
  readonly url: string
  readonly child: Bun.Subprocess

  constructor(shell: string, env: Record<string, string> = {}) {
    const port = String(freePort())
    this.url = `http://127.0.0.1:${port}`
    this.child = Bun.spawn(['sh', '-c', shell, 'sh', executablePath(), 'serve'], {
      cwd: this.dir,
      env: { PATH: process.env.PATH ?? '', HOME: this.dir, HOST: '127.0.0.1', PORT: port, DATA_DIR: 'data', ...env },
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: Bun.file(join(this.dir, 'stderr')),
    })
  }

  get said(): string {
    return readFileSync(join(this.dir, 'stderr'), 'utf8')
  }

  async remove(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.child.exited
    rmSync(this.dir, { recursive: true, force: true })
  }
}

let hub: Unheard
afterEach(() => hub.remove())

/** Nobody has the other end any more. */
const GONE = 'mkfifo p && exec 3<>p 4>p 3<&- && exec "$@" >&4'
const FULL = 'exec "$@" >/dev/full'
/** Somebody has the other end, and it is full. */
const STALLED = 'mkfifo p && exec 3<>p && { timeout 0.3 yes >&3; exec "$@" >&3; }'

describe.skipIf(!existsSync('/dev/full'))('a hub that cannot say what a start says', () => {
  test.each([
    ['the reader of stdout has gone', GONE, 'EPIPE'],
    ['the disk behind stdout is full', FULL, 'ENOSPC'],
    ['nobody reads stdout', STALLED, undefined],
  ])('runs all the same and stops when it is told to: %s', async (_, shell, code) => {
    hub = new Unheard(shell)
    await until('it to answer', async () => (await fetch(`${hub.url}/readyz`)).ok)
    const warning = `what a start says could not be written to stdout (${code}); the hub runs all the same.`
    if (code) await until('the warning', () => hub.said.includes(warning))
    expect((await fetch(`${hub.url}/events/a`, { method: 'POST', body: 'b' })).status).toBe(201)
    hub.child.kill('SIGTERM')
    expect(await Promise.race([hub.child.exited, Bun.sleep(60_000)])).toBe(0)
  })

  test.each([
    ['the reader of stdout has gone', GONE],
    ['the disk behind stdout is full', FULL],
  ])('ends with 74 when that has the first key: %s', async (_, shell) => {
    hub = new Unheard(shell, { MCP_SSE_AUTH_MAKE_KEY: 'true' })
    expect(await Promise.race([hub.child.exited, Bun.sleep(60_000)])).toBe(IO_ERROR)
    expect(hub.said).toContain('mcp-sse: The key that was made could not be shown on stdout (')
    expect(existsSync(join(hub.dir, 'data', FIRST_KEY_FILE))).toBe(false)
  })
})

test('a start that fails ends also when nobody reads why', async () => {
  hub = new Unheard(STALLED.replaceAll('"$@" >&3', '"$@" 2>&3'), { DATA_DIR: '/proc/mcp-sse' })
  expect(await Promise.race([hub.child.exited, Bun.sleep(60_000)])).toBe(IO_ERROR)
})
