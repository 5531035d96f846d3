import { openSync } from 'node:fs'

const READY_MS = 20_000
const STOP_MS = 20_000

export interface KeptProcessOptions {
  command: readonly string[]
  directory: string
  environment: Record<string, string>
  /** Both outputs, appended. */
  output: string
  /** Answers with 200 when it is ready. */
  readyUrl: string
}

/** One program that is started again in the same place. It does not outlive this process. */
export class KeptProcess {
  readonly #options: KeptProcessOptions
  #child: Bun.Subprocess | undefined

  constructor(options: KeptProcessOptions) {
    this.#options = options
    process.once('exit', () => this.#child?.kill('SIGKILL'))
  }

  get pid(): number {
    if (!this.#child) throw new Error('It does not run.')
    return this.#child.pid
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Resolves with the milliseconds until it was ready. */
  async start(): Promise<number> {
    const { command, directory, environment, output, readyUrl } = this.#options
    const begun = performance.now()
    const descriptor = openSync(output, 'a')
    this.#child = Bun.spawn([...command], {
      cwd: directory,
      env: { PATH: process.env.PATH ?? '', HOME: directory, ...environment },
      stdin: 'ignore',
      stdout: descriptor,
      stderr: descriptor,
    })
    while (performance.now() - begun < READY_MS) {
      if (!this.running) break
      try {
        const response = await fetch(readyUrl, { signal: AbortSignal.timeout(2_000) })
        await response.body?.cancel()
        if (response.ok) return performance.now() - begun
      } catch {
        // Not listening yet: the deadline decides.
      }
      await Bun.sleep(10)
    }
    throw new Error(`${command.join(' ')} was not ready; what it wrote is in ${output}.`)
  }

  signal(name: 'SIGHUP'): void {
    this.#child?.kill(name)
  }

  /** Resolves with how it ended: an exit code, or the name of a signal. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | string> {
    const child = this.#child
    if (!child) throw new Error('It does not run.')
    child.kill(signal)
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await child.exited
    clearTimeout(late)
    this.#child = undefined
    return child.exitCode ?? child.signalCode ?? 'unknown'
  }
}
