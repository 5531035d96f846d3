import { closeSync, constants, openSync, readSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { executablePath } from './executable.ts'
import { freePort } from './port.ts'
import { inspect, registerSecretsOf } from './secrets.ts'
import { until } from './until.ts'

/** `mcp-sse serve` whose stderr is a pipe that nobody reads until the test does. */
export class StalledLog {
  readonly url: string
  readonly child: Bun.Subprocess<'ignore', 'ignore', number>
  readonly #dir: string
  readonly #pipe: number
  readonly #decoder = new TextDecoder()

  static async serve(env: Record<string, string>): Promise<StalledLog> {
    registerSecretsOf(env)
    const stalled = new StalledLog(await mkdtemp(join(tmpdir(), 'mcp-sse-stalled-')), env, freePort())
    await until('the server to be ready', async () => (await fetch(`${stalled.url}/readyz`)).ok)
    return stalled
  }

  private constructor(dir: string, env: Record<string, string>, port: number) {
    this.url = `http://127.0.0.1:${port}`
    this.#dir = dir
    const path = join(dir, 'stderr')
    Bun.spawnSync(['mkfifo', path])
    // Each end has flags of its own: only ours returns at once.
    this.#pipe = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stderr = openSync(path, constants.O_WRONLY)
    this.child = Bun.spawn([executablePath(), 'serve'], {
      cwd: dir,
      env: { PATH: process.env.PATH ?? '', HOME: dir, HOST: '127.0.0.1', PORT: String(port), DATA_DIR: 'data', ...env },
      stdin: 'ignore',
      stdout: 'ignore',
      stderr,
    })
    closeSync(stderr)
  }

  /** What is in the pipe now. */
  read(): string {
    const parts: Buffer[] = []
    for (;;) {
      const part = Buffer.alloc(65_536)
      const bytes = this.#readInto(part)
      if (bytes === 0) break
      parts.push(part.subarray(0, bytes))
    }
    const text = this.#decoder.decode(Buffer.concat(parts), { stream: true })
    inspect('the log of the server', text)
    return text
  }

  async remove(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.child.exited
    closeSync(this.#pipe)
    await rm(this.#dir, { recursive: true, force: true })
  }

  #readInto(part: Buffer): number {
    try {
      return readSync(this.#pipe, part)
    } catch (error) {
      // Nothing is there, and the other end is open.
      if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return 0
      throw error
    }
  }
}
