import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { HubError } from '../../core/errors.ts'
import { writeWhole } from '../../daemon/whole-file.ts'
import { linkedTarget } from '../linked-target.ts'

/**
 * Writes a file whole or not at all, for its owner only; through links, to what they lead to. What is there and is no
 * regular file (a FIFO, /dev/null) is written into. @param untilInterrupted is called for what has to be taken away then.
 * @throws HubError `log-closed` when it is interrupted, and errors of the file system
 */
export async function writeOutput(
  path: string,
  lines: Iterable<string>,
  untilInterrupted: () => AbortSignal,
): Promise<void> {
  const there = statSync(path, { throwIfNoEntry: false })
  if (there?.isFile() === false) return writeInto(path, lines)
  const target = linkedTarget(path)
  // Not a name that somebody else may have: it is removed when this fails.
  const unfinished = join(dirname(target), `.mcp-sse-export.${randomBytes(8).toString('hex')}.unfinished`)
  const interrupted = untilInterrupted()
  const file = openSync(unfinished, 'wx', 0o600)
  try {
    for (const text of lines) {
      writeWhole(file, text)
      // Signals are heard between two turns of the event loop.
      await new Promise(setImmediate)
      if (interrupted.aborted)
        throw new HubError('log-closed', 'The export was interrupted, and nothing of it is left.')
    }
    fsyncSync(file)
    renameSync(unfinished, target)
  } catch (error) {
    rmSync(unfinished, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
}

/** Not interrupted: while a FIFO has no reader nothing runs here that could hear a signal. */
function writeInto(path: string, lines: Iterable<string>): void {
  const file = openSync(path, 'w')
  try {
    for (const text of lines) writeWhole(file, text)
  } finally {
    closeSync(file)
  }
}
