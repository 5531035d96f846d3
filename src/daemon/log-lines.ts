/** From chatty to grave. */
const LEVELS = ['debug', 'info', 'warn', 'error'] as const

export type LogLevel = (typeof LEVELS)[number]

/** What a program reads of a line: flat. The names are in docs/logs.md. `undefined` is left out. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>> & {
  readonly [reserved in 'time' | 'level' | 'msg']?: never
}

/** A sentence for a person, and what of it a program may want to look for. Both may hold what a client sent, but no secret. */
export type LogLines = Readonly<Record<LogLevel, (line: string, fields?: LogFields) => void>>

/** The same, whose least level may change while it runs. */
export interface SettableLogLines extends LogLines {
  /** Whether a line of this level is written now: for lines that cost something to make. */
  wants(level: LogLevel): boolean
  setLevel(least: LogLevel): void
}

export interface LogLinesOptions {
  /** The least severe level that is written. */
  level: LogLevel
  write(line: string, level: LogLevel, fields: LogFields): void
}

const NO_FIELDS: LogFields = Object.freeze({})

/** What a daemon says while it runs, a function for each level; what is below `level` is dropped. */
export function createLogLines({ level, write }: LogLinesOptions): SettableLogLines {
  let least = LEVELS.indexOf(level)
  const wants = (own: LogLevel) => LEVELS.indexOf(own) >= least
  const at =
    (own: LogLevel) =>
    (line: string, fields = NO_FIELDS) => {
      if (wants(own)) write(line, own, fields)
    }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    wants,
    setLevel: (level) => {
      least = LEVELS.indexOf(level)
    },
  }
}
