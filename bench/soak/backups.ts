import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SoakedHub } from './hub.ts'
import type { Ledger } from './ledger.ts'

/** `log backup` of the running hub, each thrown away. */
export class Backups {
  readonly #hub: SoakedHub
  readonly #ledger: Ledger
  /** The executable may be of before there was one. */
  readonly #possible: boolean
  #running: Promise<void> = Promise.resolve()
  #made = 0
  #slowestMs = 0

  constructor(hub: SoakedHub, ledger: Ledger) {
    this.#hub = hub
    this.#ledger = ledger
    const help = Bun.spawnSync([...hub.executable, 'log', 'backup', '--help'], { stdin: 'ignore', stderr: 'ignore' })
    this.#possible = help.success && help.stdout.toString().includes('log backup')
  }

  get summary(): string {
    if (!this.#possible) return 'none: the executable has no `log backup`'
    return `${this.#made}, the slowest ${(this.#slowestMs / 1000).toFixed(1)} s`
  }

  /** Resolves when the last one is over. */
  get done(): Promise<void> {
    return this.#running
  }

  one(): Promise<void> {
    this.#running = this.#running.then(() => this.#make())
    return this.#running
  }

  async #make(): Promise<void> {
    if (this.#ledger.isAway || !this.#possible) return
    const directory = mkdtempSync(join(tmpdir(), 'mcp-sse-soak-backup-'))
    const begun = performance.now()
    try {
      const command = [
        ...this.#hub.executable,
        'log',
        'backup',
        join(directory, 'copy'),
        '--data-dir',
        this.#hub.dataDir,
      ]
      const child = Bun.spawn(command, {
        cwd: directory,
        env: { PATH: process.env.PATH ?? '', HOME: directory },
        stdin: 'ignore',
        stdout: 'ignore',
        stderr: 'pipe',
      })
      const said = await new Response(child.stderr).text()
      const code = await child.exited
      if (code !== 0) this.#ledger.wrong(`A backup ended with ${code}: ${said.slice(0, 300)}`)
      else this.#made++
      this.#slowestMs = Math.max(this.#slowestMs, performance.now() - begun)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }
}
