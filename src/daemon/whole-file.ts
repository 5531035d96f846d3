import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'

/**
 * Puts `content` at `path`, durable, and whole or not at all: what is cut off in between leaves only `path.new`, which the
 * next one writes over, and what reads or runs the file of before keeps that. One at a time is the caller's affair.
 * @param mode `0o600`, whatever the umask is
 * @throws what the system says
 */
export function putFile(path: string, content: string | Uint8Array, mode: number): void {
  const unfinished = `${path}.new`
  // Never through a link that somebody put there: what is there goes, and the new file is a new one.
  rmSync(unfinished, { force: true })
  const file = openSync(unfinished, 'wx', mode)
  try {
    writeWhole(file, content)
    fchmodSync(file, mode)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(unfinished, path)
}

/** Nothing is left out: a disk that fills up takes the beginning of a write and says how much, and refuses only the next. */
export function writeWhole(file: number, content: string | Uint8Array): void {
  const bytes = Buffer.from(content)
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written)
}
