import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'

const OWNER_ONLY = 0o600

/**
 * Puts `content` at `path`, durable and its owner's alone, complete or not there: a start that is cut off in between
 * leaves only `path.new`, which the next one writes over. Only for who holds the lock of the directory.
 * @throws what the system says
 */
export function writePrivateFile(path: string, content: Uint8Array): void {
  const unfinished = `${path}.new`
  // Never through a link that somebody put there: what is there goes, and the new file is a new one.
  rmSync(unfinished, { force: true })
  const file = openSync(unfinished, 'wx', OWNER_ONLY)
  try {
    writeSync(file, content)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(unfinished, path)
}
