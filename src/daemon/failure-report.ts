import { HubError } from '../core/errors.ts'
import type { LogLines } from './log-lines.ts'

/** Takes what no request is told of, or not in these words. `request` is the one it happened in, where that is known. */
export type Report = (error: unknown, request?: string) => void

export function reportTo(lines: Pick<LogLines, 'warn' | 'error'>): Report {
  return (error, request) => {
    // Foreseen, such as an issuer that does not answer: its sentence says what to do.
    if (error instanceof HubError && error.code !== 'internal') {
      lines.warn(error.message, { about: 'trouble', code: error.code, request })
      return
    }
    const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    const stack = error instanceof Error ? error.stack : undefined
    lines.error(`internal error: ${said}`, { about: 'failure', code: 'internal', request, stack })
  }
}
