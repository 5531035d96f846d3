import { accessSync, constants, mkdirSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { HubError } from '../../core/errors.ts'

export const EVENTS_FILE = 'events.db'

/** Makes the directory, for its owner only. @throws HubError `log-unwritable` */
export function prepareDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw unwritable(directory, cause)
  }
}

/**
 * A file that is removed while it is open takes everything that is written to it, and none of that is there after the
 * process. @throws HubError `log-failed`
 */
export function requireThere(path: string): void {
  try {
    if (statSync(path, { throwIfNoEntry: false })) return
  } catch {
    // It cannot be told now: then the disk says so itself.
    return
  }
  // Without the directory: publishers read it, too.
  const message = `${basename(path)} was removed or moved while the hub runs, so nothing published now would last; see what did it, and start the hub again.`
  throw new HubError('log-failed', message)
}

/** Errors of the file system and of SQLite that mean: this place cannot be written to. */
export function isUnwritable(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  return /^(EACCES|EPERM|EROFS|ENOTDIR|EISDIR|SQLITE_READONLY|SQLITE_CANTOPEN|SQLITE_PERM)/.test(String(error.code))
}

export function unwritable(directory: string, cause: unknown): HubError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new HubError(
    'log-unwritable',
    `The data directory ${directory} cannot be written to (${reason}); set DATA_DIR to one that can, or fix its owner.`,
    { cause },
  )
}
