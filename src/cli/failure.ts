import { type ErrorCode, HubError } from '../core/errors.ts'
import { exitCodeOf, FAILED, IO_ERROR, USAGE } from './exit.ts'

/** What ends a verb: the sentence, the exit code, and something to type. */
export class CommandFailure extends Error {
  readonly exitCode: number
  readonly hint: string

  constructor(message: string, hint: string, exitCode = FAILED, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'CommandFailure'
    this.exitCode = exitCode
    this.hint = hint
  }
}

export function usageFailure(message: string, hint: string): CommandFailure {
  return new CommandFailure(message, hint, USAGE)
}

/** The reader of our output went away (`| head -1`): an end, not an error. */
export function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE'
}

const hints: Partial<Record<ErrorCode, string>> = {
  'invalid-config': 'mcp-sse config print --sample',
  'port-in-use': 'mcp-sse serve --port 0',
  'address-missing': 'mcp-sse serve --host 127.0.0.1',
  'log-locked': 'mcp-sse serve --data-dir <another directory>',
  'log-unwritable': 'mcp-sse serve --data-dir <a directory of yours>',
  'log-corrupt': 'mcp-sse serve --data-dir <an empty directory>',
  'log-newer': 'mcp-sse serve --data-dir <an empty directory>',
  'disk-full': 'df -h <the data directory>',
}

/** Whatever was thrown, as what a person is told. */
export function failureOf(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error
  if (error instanceof HubError) {
    return new CommandFailure(error.message, hints[error.code] ?? 'mcp-sse --help', exitCodeOf(error.code), error)
  }
  const message = error instanceof Error ? error.message : String(error)
  const io = error instanceof Error && 'code' in error && 'syscall' in error
  return new CommandFailure(message, 'mcp-sse --help', io ? IO_ERROR : FAILED, error)
}

/** `mcp-sse: sentence`, then `Try: …`, each problem on a line of its own. */
export function failureText(failure: CommandFailure): string {
  const lines = failure.message.trimEnd().split('\n')
  return `${lines.map((line) => `mcp-sse: ${line}\n`).join('')}Try: ${failure.hint}\n`
}
