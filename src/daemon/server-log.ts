import { fstatSync } from 'node:fs'
import { LineQueue } from './line-queue.ts'
import { type LogFormat, type LogPlace, recordWriter, type WriteRecord } from './log-format.ts'
import { createLogLines, type LogFields, type LogLevel, type SettableLogLines } from './log-lines.ts'

export interface LogSettings {
  logLevel: LogLevel
  logFormat: LogFormat
}

export interface ServerLogOptions {
  /** Where the lines go. */
  write(text: string): Promise<void>
  place: LogPlace
  /** Milliseconds since 1970. */
  now: () => number
}

/** Where a server says what happens, in the form its settings want. */
export class ServerLog {
  readonly lines: SettableLogLines
  readonly #options: ServerLogOptions
  readonly #queue: LineQueue
  #write: WriteRecord

  constructor({ logLevel, logFormat }: LogSettings, options: ServerLogOptions) {
    this.#options = options
    this.#write = recordWriter(logFormat, options.place)
    this.#queue = new LineQueue({ write: options.write, lost: (lines) => this.#lostLine(lines) })
    this.lines = createLogLines({
      level: logLevel,
      write: (msg, level, fields) => this.#queue.put(this.#text(msg, level, fields)),
    })
  }

  /** For the lines from now on. */
  set({ logLevel, logFormat }: LogSettings): void {
    this.lines.setLevel(logLevel)
    this.#write = recordWriter(logFormat, this.#options.place)
  }

  /** Lines that were lost, because nobody took them. */
  get lost(): number {
    return this.#queue.lost
  }

  /** As `LineQueue.settle`. */
  settle(ms: number): Promise<boolean> {
    return this.#queue.settle(ms)
  }

  #text(msg: string, level: LogLevel, fields: LogFields): string {
    return this.#write({ time: this.#options.now(), level, msg, fields })
  }

  #lostLine(lines: number): string {
    const what = lines === 1 ? 'a line of this log was' : `${lines} lines of this log were`
    return this.#text(`${what} lost: nobody took them in time.`, 'warn', { about: 'lines-lost', lines })
  }
}

/** Where what is written to stderr goes; `env` is what the process was started with. */
export function placeOfStderr(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): LogPlace {
  if (isTerminal) return 'terminal'
  return env.JOURNAL_STREAM !== undefined && env.JOURNAL_STREAM === identity(2) ? 'journal' : 'elsewhere'
}

/** As systemd.exec(5) has it in JOURNAL_STREAM, which children inherit whose stderr is something else. */
function identity(descriptor: number): string | undefined {
  try {
    const { dev, ino } = fstatSync(descriptor, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    // It is closed.
    return undefined
  }
}
