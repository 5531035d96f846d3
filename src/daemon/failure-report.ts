import { type ErrorCode, HubError, logTroubles } from '../core/errors.ts'
import { Repeats } from '../core/repeats.ts'
import type { LogLines } from './log-lines.ts'

/** Takes what no request is told of, or not in these words. `request` is the one it happened in, where that is known. */
export type Report = (error: unknown, request?: string) => void

/** @param monotonic milliseconds: a damaged log is met by every reader that comes by, and said once in ten seconds */
export function reportTo(lines: Pick<LogLines, 'warn' | 'error'>, monotonic: () => number): Report {
  const troubles = new Repeats<ErrorCode>(monotonic)
  return (error, request) => {
    // Foreseen, such as an issuer that does not answer: its sentence says what to do.
    if (error instanceof HubError && error.code !== 'internal') {
      const { code, message } = error
      const more = logTroubles.has(code) ? troubles.leftOut(code) : 0
      if (more === undefined) return
      const line = more === 0 ? message : `${message} (And ${more} times more since the last line.)`
      lines.warn(line, { about: 'trouble', code, request })
      return
    }
    const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    const stack = error instanceof Error ? error.stack : undefined
    lines.error(`internal error: ${said}`, { about: 'failure', code: 'internal', request, stack })
  }
}
