import { accessSync, constants, mkdirSync } from 'node:fs'
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
