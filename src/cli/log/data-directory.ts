import type { Command } from 'commander'
import type { Config } from '../../config/config.ts'
import { type ErrorCode, HubError } from '../../core/errors.ts'
import { FIRST_KEY_FILE } from '../../daemon/first-key.ts'
import { TICKET_KEY_FILE } from '../../daemon/ticket-key.ts'
import { loadFromFlags } from '../config-flags.ts'
import { BAD_CONFIG } from '../exit.ts'
import { CommandFailure, failureOf } from '../failure.ts'
import type { Io } from '../io.ts'

/** What lies beside the databases and belongs to them: sealed secrets of webhooks open with the first. */
export const SECRET_FILES = [TICKET_KEY_FILE, FIRST_KEY_FILE]

/** The hub is found by its configuration, as `serve` finds it. */
export function addDataFlags(command: Command): void {
  command
    .option('--data-dir <dir>', 'the data directory of the hub (DATA_DIR; default: where serve keeps it)')
    .option('--config <file>', 'read this file and no other')
    .option('--env-file <file>', 'read variables from this file where the environment has none')
}

/** @throws HubError `invalid-config`, CommandFailure for a hub that keeps nothing */
export function configOf(command: Command, io: Io): Config {
  // The key of a service is with its unit, and not here: nobody is let in by these verbs.
  const { config } = loadFromFlags(command, io, true)
  if (config.durability !== 'memory') return config
  throw new CommandFailure('This hub keeps nothing: durability is memory.', 'mcp-sse config print', BAD_CONFIG)
}

/** What `work` throws, with what to type then. */
export async function hinted<T>(hints: Partial<Record<ErrorCode, string>>, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const hint = error instanceof HubError ? hints[error.code] : undefined
    if (hint === undefined) throw error
    const { message, exitCode } = failureOf(error)
    throw new CommandFailure(message, hint, exitCode, error)
  }
}

export function seconds(since: number): number {
  return Math.round(performance.now() - since) / 1000
}

/** `227.0 MiB` */
export function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}

export function counted(events: number): string {
  return events === 1 ? '1 event' : `${events} events`
}
