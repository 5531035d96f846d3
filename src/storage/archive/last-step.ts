import type { Database } from 'bun:sqlite'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { HubError } from '../../core/errors.ts'
import { EVENTS_FILE } from '../sqlite/directory.ts'

const WAL = `${EVENTS_FILE}-wal`

/** A failure that leaves open whether the events are in the log: all of them, or none. */
export class UnsettledImport extends HubError {
  /** @param before the cursor that the log ended with */
  constructor(before: string, cause: unknown) {
    super(
      'log-failed',
      `The disk failed in the last step (${reasonOf(cause)}), and whether the events were imported is not known. When the disk works again, see what came after ${before}: all of them, or none.`,
      { cause },
    )
    this.before = before
  }

  readonly before: string
}

/**
 * Closes what an import failed in, which rolls back. @param committing the cursor that the log ended with, when it was
 * COMMIT that failed. @returns what to throw: `error`, or UnsettledImport
 */
export function abandon(
  database: Database,
  directory: string,
  committing: string | undefined,
  error: unknown,
): unknown {
  database.close()
  return committing !== undefined && hasWal(directory) ? new UnsettledImport(committing, error) : error
}

/**
 * After a COMMIT that failed: the pages and the mark that ends the transaction may be in the -wal file and its sync have
 * failed. SQLite removes the file when it closes the database, and if it could not, the next one to open it finds them.
 */
function hasWal(directory: string): boolean {
  return (statSync(join(directory, WAL), { throwIfNoEntry: false })?.size ?? 0) > 0
}

/** The events are on the disk, in the -wal file: what fails here takes nothing back. @returns warnings */
export function settle(database: Database, directory: string): string[] {
  const moving = failureOf(() => database.run('PRAGMA wal_checkpoint(TRUNCATE)'))
  const closing = failureOf(() => database.close())
  const warnings: string[] = []
  // Closing tries it once more.
  if (moving && hasWal(directory)) {
    warnings.push(
      `The events are in ${WAL}, which is a part of the log: keep it. The next start of the hub moves them to ${EVENTS_FILE}, which failed now (${moving}).`,
    )
  }
  if (closing) warnings.push(`${EVENTS_FILE} could not be closed (${closing}); check the disk.`)
  return warnings
}

function failureOf(step: () => void): string | undefined {
  try {
    step()
    return undefined
  } catch (error) {
    return reasonOf(error)
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
