import { closeSync, constants, openSync, readSync, statSync } from 'node:fs'
import { HubError } from '../../core/errors.ts'

const HEADER_BYTES = 100

/** What a database file has to be. */
export interface FileKind {
  applicationId: number
  /** The newest format this program reads (`user_version`). */
  format: number
  /** `an event log` */
  what: string
}

/** Makes the file for its owner only, where there is none. @throws HubError `log-corrupt`, and errors of the file system */
export function makeFile(path: string, what: string): void {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = constants
  try {
    // Without waiting: a FIFO would hold the start up for whoever reads it, and no signal would end that.
    closeSync(openSync(path, O_WRONLY | O_APPEND | O_CREAT | (O_NONBLOCK ?? 0), 0o600))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENXIO') throw corrupt(path, what, error)
    throw error
  }
}

/**
 * Finds what cannot be used before SQLite may write. @returns the format, or `undefined` for a file that is still empty
 * @throws HubError `log-corrupt`, `log-newer`
 */
export function checkHeader(path: string, { applicationId, format: known, what }: FileKind): number | undefined {
  const stat = statSync(path)
  // SQLite too would wait for the other end of a FIFO.
  if (!stat.isFile()) throw corrupt(path, what)
  const { size } = stat
  const wal = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0
  if (size === 0 && wal === 0) return undefined
  const header = Buffer.alloc(HEADER_BYTES)
  const file = openSync(path, 'r')
  try {
    readSync(file, header, 0, HEADER_BYTES, 0)
  } finally {
    closeSync(file)
  }
  // A crash before the first checkpoint leaves everything in the WAL: then SQLite has to judge.
  if (size === 0) return known
  // Layout: https://www.sqlite.org/fileformat.html, 1.3
  if (header.toString('latin1', 0, 16) !== 'SQLite format 3\0') throw corrupt(path, what)
  if (header.readUInt32BE(68) !== applicationId) throw corrupt(path, what)
  const format = header.readUInt32BE(60)
  if (format > known) {
    throw new HubError(
      'log-newer',
      `${path} has format ${format}, this program knows formats up to ${known}; start the newer mcp-sse that wrote it.`,
    )
  }
  // While a WAL is there the file may lack pages that it holds.
  const pageSize = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16)
  if (wal === 0 && size < header.readUInt32BE(28) * pageSize) throw corrupt(path, what)
  return format
}

/** @param what as in `FileKind` */
export function corrupt(path: string, what: string, cause?: unknown): HubError {
  return new HubError(
    'log-corrupt',
    `${path} is damaged or not ${what} of mcp-sse, and was left as it is; restore a backup of it, or move it away.`,
    { cause },
  )
}
