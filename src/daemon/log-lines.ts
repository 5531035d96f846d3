/** From chatty to grave. */
const LEVELS = ['debug', 'info', 'warn', 'error'] as const

export type LogLevel = (typeof LEVELS)[number]

export type LogLines = Readonly<Record<LogLevel, (line: string) => void>>

export interface LogLinesOptions {
  /** The least severe level that is written. */
  level: LogLevel
  write(line: string): void
}

/** What a daemon says while it runs, a function for each level; what is below `level` is dropped. */
export function createLogLines({ level, write }: LogLinesOptions): LogLines {
  const least = LEVELS.indexOf(level)
  const at = (own: LogLevel) => (line: string) => {
    if (LEVELS.indexOf(own) >= least) write(line)
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
