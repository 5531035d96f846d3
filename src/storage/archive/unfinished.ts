import { closeSync, lstatSync, mkdtempSync, openSync, readdirSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { HubError } from '../../core/errors.ts'
import { lockFile } from '../file-lock.ts'

const MARKER = 'unfinished'
const LOCK = 'lock'
const OTHERS_WRITE = 0o022
const STICKY = 0o1000

/** Where a backup to `to` is made: a new directory beside it, for its owner only, that no other run uses. */
export class Unfinished {
  readonly path: string
  readonly #unlock: () => void

  /** What earlier runs were cut off in goes. @throws HubError `log-unwritable` */
  constructor(to: string) {
    removeLeftovers(to)
    this.path = made(to)
    // In this order: what has the marker and no lock is left over.
    this.#unlock = lockFile(join(this.path, LOCK))!
    closeSync(openSync(join(this.path, MARKER), 'wx', 0o600))
  }

  /** Only the backup is in it from now on. */
  finish(): void {
    rmSync(join(this.path, MARKER))
    this.#unlock()
    rmSync(join(this.path, LOCK))
  }

  discard(): void {
    this.#unlock()
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** Names beside `to` that begin as it does, and are directories of ours; none where that may not be listed. */
export function besides(to: string, kind: 'unfinished' | 'replaced'): string[] {
  const [parent, prefix] = [dirname(to), `${basename(to)}.${kind}-`]
  return namesIn(parent)
    .filter((name) => name.startsWith(prefix))
    .map((name) => join(parent, name))
    .filter(isOurs)
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return []
    throw error
  }
}

function isOurs(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  return stat?.isDirectory() === true && (process.geteuid === undefined || stat.uid === process.geteuid())
}

function removeLeftovers(to: string): void {
  for (const path of besides(to, 'unfinished')) {
    if (!isFile(join(path, MARKER)) || !isFile(join(path, LOCK))) continue
    const unlock = lockFile(join(path, LOCK))
    if (!unlock) continue
    unlock()
    rmSync(path, { recursive: true, force: true })
  }
}

function isFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true
}

function made(to: string): string {
  try {
    return mkdtempSync(`${to}.unfinished-`)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    throw new HubError('log-unwritable', `${to} cannot be made (${code}); name a directory below one of yours.`, {
      cause,
    })
  }
}

/**
 * Root keeps secrets only where others cannot put something else in their place: not where everybody may rename, and
 * not in a directory of the service. @throws HubError `log-unwritable`
 */
export function requireSafePlace(to: string, directory: string): void {
  if (process.geteuid?.() !== 0) return
  const parent = statSync(dirname(to), { throwIfNoEntry: false })
  if (!parent) return
  const owner = statSync(directory, { throwIfNoEntry: false })?.uid ?? 0
  const open = (parent.mode & OTHERS_WRITE) !== 0 && (parent.mode & STICKY) === 0
  if (!open && (owner === 0 || parent.uid !== owner)) return
  throw new HubError(
    'log-unwritable',
    `Others may change ${dirname(to)}, and root keeps no secrets there; name a directory that only root may change.`,
  )
}
