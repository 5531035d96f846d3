import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Contender } from './contenders/contender.ts'
import { cpuSeconds, family, residentKiB } from './process-cost.ts'

const START_TIMEOUT_MS = 20_000
/** What a server has to save is removed anyway. */
const STOP_TIMEOUT_MS = 2_000

/** One running contender in a directory of its own. `stop` ends exactly the process it started. */
export class Server {
  readonly contender: Contender
  readonly port: number
  readonly pids: readonly number[]
  readonly #process: Bun.Subprocess
  readonly #directory: string
  readonly #forget: () => void

  private constructor(
    contender: Contender,
    port: number,
    process: Bun.Subprocess,
    directory: string,
    pids: readonly number[],
    forget: () => void,
  ) {
    this.contender = contender
    this.port = port
    this.pids = pids
    this.#process = process
    this.#directory = directory
    this.#forget = forget
  }

  static async start(contender: Contender): Promise<Server> {
    const directory = mkdtempSync(join(tmpdir(), 'mcp-sse-bench-'))
    const port = await freePort()
    const launch = await contender.launch({ port, directory })
    const output = join(directory, 'output.log')
    const descriptor = openSync(output, 'a')
    const child = Bun.spawn(launch.command, {
      cwd: directory,
      env: { PATH: process.env.PATH ?? '', HOME: directory, ...launch.environment },
      stdin: 'ignore',
      stdout: descriptor,
      stderr: descriptor,
    })
    // A bench that is interrupted must not leave servers behind.
    // SIGTERM: nginx would leave its worker behind if its master were killed.
    const end = () => child.kill('SIGTERM')
    process.once('exit', end)
    const forget = () => process.off('exit', end)
    try {
      await answers(port, contender.ready, child, output)
    } catch (error) {
      child.kill('SIGKILL')
      await child.exited
      forget()
      rmSync(directory, { recursive: true, force: true })
      throw error
    }
    return new Server(contender, port, child, directory, family(child.pid), forget)
  }

  get name(): string {
    return this.contender.name
  }

  cpuSeconds(): number {
    return cpuSeconds(this.pids)
  }

  residentKiB(): number {
    return residentKiB(this.pids)
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGTERM')
    const late = setTimeout(() => this.#process.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await this.#process.exited
    clearTimeout(late)
    this.#forget()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/** Below 32768: a listener inside the range of outgoing ports can meet another process's socket there. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    try {
      Bun.listen({ hostname: '127.0.0.1', port, socket: { data() {} } }).stop(true)
      return port
    } catch {
      // Taken: another one is tried.
    }
  }
  throw new Error('No free port between 20000 and 32000 was found in 100 tries.')
}

async function answers(port: number, path: string, child: Bun.Subprocess, output: string): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS
  while (performance.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) break
    try {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(1_000) })
      await response.body?.cancel()
      if (response.status < 500) return
    } catch {
      // Not listening yet: the deadline decides.
    }
    await Bun.sleep(20)
  }
  throw new Error(`It did not answer ${path}; its last output: ${readFileSync(output, 'utf8').slice(-600).trim()}`)
}
