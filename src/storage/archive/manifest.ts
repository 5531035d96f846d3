import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { HubError } from '../../core/errors.ts'

export const MANIFEST_FILE = 'backup.json'
/** The newest format of backups this program reads and the one it writes. */
const FORMAT = 1

export interface BackupFile {
  name: string
  bytes: number
  /** 64 lower case hexadecimal digits. */
  sha256: string
}

/** What a backup holds, as it says itself. */
export interface Manifest {
  format: number
  /** RFC 3339. */
  made: string
  /** Without webhooks and secrets. */
  eventsOnly: boolean
  events: number
  /** Of the events, as retention counts them. */
  eventBytes: number
  /** Everything up to here is in it. */
  cursor: string
  files: readonly BackupFile[]
}

export function manifestText(manifest: Omit<Manifest, 'format'>): string {
  return `${JSON.stringify({ format: FORMAT, ...manifest }, null, 2)}\n`
}

/** @throws HubError `not-found` for what is no backup, `log-newer`, `log-corrupt` */
export function readManifest(directory: string): Manifest {
  const path = join(directory, MANIFEST_FILE)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new HubError(
      'not-found',
      `${directory} is not a backup: it has no ${MANIFEST_FILE} that can be read. Name a directory that log backup made.`,
      { cause },
    )
  }
  const manifest = parsed(text)
  if (typeof manifest?.format === 'number' && manifest.format > FORMAT) {
    throw new HubError(
      'log-newer',
      `${path} has format ${manifest.format}, this program knows formats up to ${FORMAT}; use the newer mcp-sse that made it.`,
    )
  }
  if (!manifest || !isManifest(manifest)) {
    throw new HubError('log-corrupt', `${path} is damaged; restore another backup.`)
  }
  return manifest
}

function parsed(text: string): Partial<Manifest> | undefined {
  try {
    return JSON.parse(text) as Partial<Manifest>
  } catch {
    // Said by the caller.
    return undefined
  }
}

function isManifest(value: Partial<Manifest>): value is Manifest {
  return (
    value.format === FORMAT &&
    typeof value.made === 'string' &&
    typeof value.eventsOnly === 'boolean' &&
    typeof value.events === 'number' &&
    typeof value.eventBytes === 'number' &&
    typeof value.cursor === 'string' &&
    Array.isArray(value.files) &&
    value.files.every(isFile)
  )
}

// A name is where a file comes to lie: it never leads out of the directory.
function isFile(file: unknown): file is BackupFile {
  const { name, bytes, sha256 } = (file ?? {}) as Partial<BackupFile>
  return (
    typeof name === 'string' &&
    name !== '' &&
    !name.startsWith('.') &&
    basename(name) === name &&
    typeof bytes === 'number' &&
    typeof sha256 === 'string'
  )
}
