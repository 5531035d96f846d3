import type { Config } from '../../config/config.ts'
import { systemClock } from '../../daemon/clock.ts'
import { placeOfStderr, ServerLog } from '../../daemon/server-log.ts'
import type { Io } from '../io.ts'

/** For a reader of stderr that is only slow. */
const LAST_LINES_MS = 1000

/** What the hub says while it runs, on stderr. */
export function hubLog(config: Pick<Config, 'logLevel' | 'logFormat'>, { env, stderr }: Io): ServerLog {
  return new ServerLog(config, {
    write: (text) => stderr.write(text),
    place: placeOfStderr(env, stderr.isTerminal),
    now: systemClock.now,
  })
}

/** Ends the process: what nobody takes, of the log or of the greeting, would keep it alive. */
export async function leave(log: ServerLog, exitCode: number, io: Io): Promise<never> {
  await log.settle(LAST_LINES_MS)
  return io.exit(exitCode)
}
