import { join } from 'node:path'
import type { Subprocess } from 'bun'
import type { CrowdReport } from './reader-crowd-process.ts'

/** Many EventSources in a process of their own, which count what they hear. */
export class ReaderCrowd {
  report: CrowdReport = { open: 0, closed: 0, opened: 0, answered: 0, least: 0, faults: [] }
  readonly #child: Subprocess<'pipe', 'pipe', 'inherit'>

  /** @param url of a stream whose events are 1, 2, 3, … */
  constructor(url: string, readers: number) {
    const program = join(import.meta.dir, 'reader-crowd-process.ts')
    this.#child = Bun.spawn([process.execPath, program, url, `${readers}`], {
      // 256 requests at a time unless it is told otherwise.
      env: { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: `${readers + 100}` },
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'inherit',
    })
    void this.#read()
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#child.exited
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder()
    let rest = ''
    for await (const chunk of this.#child.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop()!
      const last = lines.at(-1)
      if (last) this.report = JSON.parse(last)
    }
  }
}
