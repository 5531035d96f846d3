import { SQLiteError } from 'bun:sqlite'
import { HubError } from '../../core/errors.ts'

/** What an error of SQLite or the file system means for the log. */
export function toHubError(error: unknown): HubError {
  if (error instanceof HubError) return error
  const message = error instanceof Error ? error.message : String(error)
  if (isFull(error)) {
    return new HubError('disk-full', 'The disk is full; free space or lower retention.max_bytes, then publish again.', {
      cause: error,
    })
  }
  return new HubError('log-failed', `The event log failed (${message}); check the disk and restart the hub.`, {
    cause: error,
  })
}

export function isFull(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  // SHMSIZE: the -wal's shared index could not grow, which is how a full disk shows when a log has just been opened.
  return error.code === 'SQLITE_FULL' || error.code === 'SQLITE_IOERR_SHMSIZE' || error.code === 'ENOSPC'
}

export function isCorrupt(error: unknown): boolean {
  return error instanceof SQLiteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code ?? '')
}

export function isBusy(error: unknown): boolean {
  return error instanceof SQLiteError && /^SQLITE_(BUSY|LOCKED)/.test(error.code ?? '')
}
