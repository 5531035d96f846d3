import {
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** Puts a file at `path`, whole or not at all; a program that runs from the one before keeps it. @param mode `0o600` */
export function putFile(path: string, content: string | Uint8Array, mode: number): void {
  const directory = dirname(path)
  if (!existsSync(directory)) mkdirSync(directory, { recursive: true, mode: 0o755 })
  const unfinished = `${path}.new`
  // Never through a link that somebody put there: what is there goes, and the new file is a new one.
  rmSync(unfinished, { force: true })
  const file = openSync(unfinished, 'wx', mode)
  try {
    const bytes = Buffer.from(content)
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written)
    // Whatever the umask was.
    fchmodSync(file, mode)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(unfinished, path)
}
