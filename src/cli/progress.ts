import type { Output } from './io.ts'

/** Short runs show nothing. */
const SILENT_MS = 1000
const STEP_MS = 200
const LONGEST_BAR = 40

/** A bar on a terminal for a run that takes long; elsewhere nothing at all. */
export class Progress {
  readonly #output: Output
  readonly #total: number | undefined
  readonly #began = performance.now()
  #shown = 0

  /** @param total bytes to come, if known */
  constructor(output: Output, total: number | undefined) {
    this.#output = output
    this.#total = total || undefined
  }

  async update(bytes: number, events: number): Promise<void> {
    const now = performance.now()
    if (!this.#output.isTerminal || now - this.#began < SILENT_MS || now - this.#shown < STEP_MS) return
    this.#shown = now
    const rate = Math.round(events / ((now - this.#began) / 1000))
    await this.#output.write(`\r\x1b[K${this.#bar(bytes)}${events} events, ${rate}/s`)
  }

  /** Takes the bar away. */
  async end(): Promise<void> {
    if (this.#shown > 0) await this.#output.write('\r\x1b[K')
  }

  #bar(bytes: number): string {
    if (this.#total === undefined) return ''
    const part = Math.min(1, bytes / this.#total)
    const width = Math.max(0, Math.min(LONGEST_BAR, this.#output.columns - 40))
    const full = Math.round(part * width)
    return `[${'#'.repeat(full)}${'.'.repeat(width - full)}] ${Math.floor(part * 100)} %  `
  }
}
