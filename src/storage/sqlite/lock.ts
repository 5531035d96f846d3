import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HubError } from '../../core/errors.ts'
import { lockFile } from '../file-lock.ts'

/**
 * One process a directory.
 * @throws HubError `log-locked`
 */
export function lockDirectory(directory: string): () => void {
  const holder = join(directory, 'lock.pid')
  const unlock = lockFile(join(directory, 'lock'))
  if (!unlock) throw locked(directory, holder)
  writeFileSync(holder, `${process.pid}\n`, { mode: 0o600 })
  return unlock
}

function locked(directory: string, holder: string): HubError {
  let process = 'another process'
  try {
    process = `process ${readFileSync(holder, 'utf8').trim()}`
  } catch {
    // It has the lock and has not written its number yet; the sentence does without.
  }
  return new HubError(
    'log-locked',
    `The data directory ${directory} is in use by ${process}; stop it, or set DATA_DIR to another directory.`,
  )
}
