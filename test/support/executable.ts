import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Subprocess } from 'bun'
import { freePort } from './port.ts'
import { inspectStream, registerSecretsOf } from './secrets.ts'
import { until } from './until.ts'

const ROOT = resolve(import.meta.dir, '../..')
/** A start takes some 100 ms; this is for a machine that does much else. */
const READY_MS = 60_000
const WRITTEN_MS = 10_000

/** The built executable: `MCP_SSE_BIN`, else `dist/mcp-sse`. */
export function executablePath(): string {
  const path = resolve(ROOT, process.env.MCP_SSE_BIN ?? 'dist/mcp-sse')
  if (!existsSync(path)) throw new Error(`There is no ${path}: run \`bun run build\` first, or set MCP_SSE_BIN.`)
  return path
}

export type StopSignal = 'SIGKILL' | 'SIGTERM' | 'SIGINT'

/**
 * `mcp-sse serve` as its own process on one port and one data directory, which outlive it: `kill` and `start` are a
 * crash and a restart. Runs in its data directory with an environment of its own.
 */
export class Executable {
  readonly port: number
  readonly url: string
  /** Everything the process wrote, across restarts. */
  output = ''
  #process: Subprocess | undefined
  /** Settles when the running process, or the last one, has closed what it writes to. */
  #written: Promise<unknown> = Promise.resolve()
  readonly #dir: string
  readonly #env: Record<string, string>
  readonly #through: readonly string[]

  private constructor(dir: string, env: Record<string, string>, port: number, through: readonly string[]) {
    this.port = port
    this.url = `${env.MCP_SSE_TLS_CERT ? 'https' : 'http'}://127.0.0.1:${port}`
    this.#dir = dir
    this.#env = env
    this.#through = through
    registerSecretsOf(env)
  }

  /**
   * Resolves when `/readyz` answers 200. `env` is added to `PORT` and `DATA_DIR`; `through` is a command that runs the
   * one that follows it (`strace …`) and is replaced by it or passes signals on.
   */
  static async serve(
    env: Record<string, string> = {},
    port = freePort(),
    through: readonly string[] = [],
  ): Promise<Executable> {
    const server = new Executable(await mkdtemp(join(tmpdir(), 'mcp-sse-e2e-')), env, port, through)
    try {
      await server.start()
    } catch (error) {
      await server.remove()
      throw error
    }
    return server
  }

  get dataDir(): string {
    return join(this.#dir, 'data')
  }

  get pid(): number {
    if (!this.#process) throw new Error('The server is not running.')
    return this.#process.pid
  }

  get isRunning(): boolean {
    return this.#process !== undefined
  }

  async start(): Promise<void> {
    const child = Bun.spawn([...this.#through, executablePath(), 'serve'], {
      cwd: this.#dir,
      env: {
        PATH: process.env.PATH ?? '',
        HOME: this.#dir,
        PORT: String(this.port),
        DATA_DIR: this.dataDir,
        MCP_SSE_LOG_FORMAT: 'text',
        ...this.#env,
      },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    this.#process = child
    this.#written = Promise.all([this.#collect(child.stdout), this.#collect(child.stderr)])
    await until(
      'the server to be ready',
      async () => {
        if (child.exitCode !== null || child.signalCode !== null) return true
        const signal = AbortSignal.timeout(2_000)
        return (await fetch(`${this.url}/readyz`, { signal, tls: { rejectUnauthorized: false } })).ok
      },
      READY_MS,
    ).catch(async (error) => {
      await this.kill('SIGKILL')
      throw new Error(`The server was not ready in time. It wrote:\n${this.output}`, { cause: error })
    })
    if (child.exitCode !== null || child.signalCode !== null) {
      this.#process = undefined
      await this.#whole()
      throw new Error(`The server ended with ${child.exitCode ?? child.signalCode}. It wrote:\n${this.output}`)
    }
  }

  /** Sends a signal and does not wait; `exited` says how it ends. */
  signal(signal: StopSignal): void {
    this.#process?.kill(signal)
  }

  /** The exit code, or the name of the signal that ended it, when the process is gone and `output` is whole. */
  async exited(): Promise<number | string | null> {
    const child = this.#process
    if (!child) return null
    await child.exited
    await this.#whole()
    return child.exitCode ?? child.signalCode
  }

  /** Resolves with the exit code (`null` after a signal) when the process is gone and `output` is whole. */
  async kill(signal: StopSignal): Promise<number | null> {
    const child = this.#process
    if (!child) return null
    this.#process = undefined
    child.kill(signal)
    await child.exited
    await this.#whole()
    return child.exitCode
  }

  /** Ends the process and removes its directory. */
  async remove(): Promise<void> {
    await this.kill('SIGKILL')
    await rm(this.#dir, { recursive: true, force: true })
  }

  /** The end of a process and the last of what it wrote come by different ways. */
  async #whole(): Promise<void> {
    // What runs on behind a `through` that was killed may hold the pipes open.
    await Promise.race([this.#written, Bun.sleep(WRITTEN_MS)])
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const search = inspectStream('what the server wrote')
    const decoder = new TextDecoder()
    for await (const chunk of stream) {
      search(chunk)
      this.output += decoder.decode(chunk, { stream: true })
    }
  }
}
