import { SQLiteError } from 'bun:sqlite'
import { HubError } from '../../core/errors.ts'

/**
 * What an error means for what lies in the database: one of SQLite or the file system ends it, anything else is a mistake
 * of ours. @param keeps `event log`
 */
export function toHubError(error: unknown, keeps = 'event log'): HubError {
  if (error instanceof HubError) return error
  const message = error instanceof Error ? error.message : String(error)
  if (isFull(error)) {
    return new HubError('disk-full', 'The disk is full; free space on it, then try again.', { cause: error })
  }
  if (isBusy(error)) {
    return new HubError('overloaded', `Another program holds the ${keeps}; end it, then ask again.`, { cause: error })
  }
  if (!isOfDisk(error)) {
    return new HubError('internal', `The ${keeps} met an error of its own (${message}); report it with the log line.`, {
      cause: error,
    })
  }
  if (isCorrupt(error)) {
    const next = 'Starting again does not mend it: restore a backup, or move its files away.'
    return new HubError('log-failed', `The ${keeps} is damaged (${message}). ${next}`, { cause: error })
  }
  return new HubError('log-failed', `The ${keeps} failed (${message}); check the disk and restart the hub.`, {
    cause: error,
  })
}

/**
 * For what goes on beside the damage: a page of the database that cannot be read takes its events with it and nothing else.
 * Any other error as it is. @returns `log-corrupt`
 */
export function damaged(error: unknown, keeps = 'event log'): unknown {
  if (!isCorrupt(error)) return error
  return new HubError(
    'log-corrupt',
    `The ${keeps} is damaged (${error.message}): what lies on the damaged page is not to be read. Stop the hub and restore a backup, or export what is whole.`,
    { cause: error },
  )
}

/** What SQLite gives back without a word and cannot be: as much a damaged page as one that it refuses. */
export class ImpossibleRow extends Error {
  readonly code = 'SQLITE_CORRUPT'
}

// Not by `code`: a TypeError of the runtime has one too (ERR_INVALID_ARG_TYPE).
function isOfDisk(error: unknown): boolean {
  return (
    error instanceof SQLiteError ||
    error instanceof ImpossibleRow ||
    (error instanceof Error && 'errno' in error && 'syscall' in error)
  )
}

export function isFull(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  // SHMSIZE: the -wal's shared index could not grow, which is how a full disk shows when a log has just been opened.
  return error.code === 'SQLITE_FULL' || error.code === 'SQLITE_IOERR_SHMSIZE' || error.code === 'ENOSPC'
}

export function isCorrupt(error: unknown): error is SQLiteError | ImpossibleRow {
  if (error instanceof ImpossibleRow) return true
  return error instanceof SQLiteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code ?? '')
}

export function isBusy(error: unknown): boolean {
  return error instanceof SQLiteError && /^SQLITE_(BUSY|LOCKED)/.test(error.code ?? '')
}

/** @returns `undefined` when it met damage */
export function unlessDamaged<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (isCorrupt(error)) return undefined
    throw error
  }
}
