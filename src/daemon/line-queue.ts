/** Characters that wait while what was written before is taken: a restart of 10,000 readers in JSON is half of it. */
const MOST_WAITING = 4 * 1024 * 1024

export interface LineQueueOptions {
  /** Settles when the text was taken, or rejects. */
  write(text: string): Promise<void>
  /** The line that says so, when this many were lost. */
  lost(lines: number): string
  /** Characters. */
  mostWaiting?: number
}

/**
 * Lines on their way to whoever reads them, in order. One write is under way at a time; lines that come meanwhile go out
 * together in the next. When nobody takes them they wait up to a bound, what comes then is lost and counted, and the next
 * line that gets through is followed by one that says how many were.
 *
 * Bun 1.4.5 (Linux): a write to `process.stderr` waits on a terminal and writes at once to a file. On a pipe or socket it
 * writes what fits and keeps the rest in memory without bound, `writableLength` says 0 all along, and only the callback
 * tells when the text was taken (measured: 20,000 lines into a pipe that nobody reads).
 */
export class LineQueue {
  readonly #options: LineQueueOptions
  readonly #mostWaiting: number
  #lost = 0
  /** Of those lost, the ones nobody has been told of. */
  #untold = 0
  #waiting: string[] = []
  #waitingLength = 0
  #underWay: Promise<void> | undefined

  constructor(options: LineQueueOptions) {
    this.#options = options
    this.#mostWaiting = options.mostWaiting ?? MOST_WAITING
  }

  /** Lines nobody took, from the start on. */
  get lost(): number {
    return this.#lost
  }

  /** `line` ends in a line break. Never throws and never waits. */
  put(line: string): void {
    if (this.#underWay && this.#waitingLength + line.length > this.#mostWaiting) {
      this.#lose(1)
      return
    }
    this.#waiting.push(line)
    this.#waitingLength += line.length
    // A line on its own is written at once, so that a process that dies by the next statement has said it.
    this.#underWay ??= this.#write()
  }

  /** Resolves with whether everything was taken, at the latest after `ms`. */
  async settle(ms: number): Promise<boolean> {
    let late: ReturnType<typeof setTimeout> | undefined
    const patience = new Promise<void>((resolve) => {
      late = setTimeout(resolve, ms)
    })
    await Promise.race([this.#underWay, patience])
    clearTimeout(late)
    return this.#underWay === undefined
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting
      const untold = this.#untold
      this.#waiting = []
      this.#waitingLength = 0
      this.#untold = 0
      const said = untold === 0 ? '' : this.#options.lost(untold)
      try {
        await this.#options.write(lines.join('') + said)
      } catch {
        // A closed pipe, a full disk: there is nobody to tell, and later there may be.
        this.#untold += untold
        this.#lose(lines.length)
      }
    }
    this.#underWay = undefined
  }

  #lose(lines: number): void {
    this.#lost += lines
    this.#untold += lines
  }
}
