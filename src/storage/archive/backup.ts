import { closeSync, existsSync, lstatSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { HubError } from '../../core/errors.ts'
import { newEpoch } from '../epoch.ts'
import { OUTLETS_FILE } from '../outlets/messages.ts'
import { OUTLET_STORE } from '../outlets/open-database.ts'
import { EVENTS_FILE, isUnwritable } from '../sqlite/directory.ts'
import { checkHeader } from '../sqlite/file-header.ts'
import { EVENT_LOG } from '../sqlite/open-database.ts'
import { toHubError } from '../sqlite/sqlite-error.ts'
import { checkDatabase, logContents } from './contents.ts'
import { copyDatabase, requireUninterrupted } from './copy-database.ts'
import { syncDirectory, syncFile } from './durable.ts'
import { copyFile, fingerprint, openFile } from './hashed-copy.ts'
import { type BackupFile, MANIFEST_FILE, type Manifest, manifestText } from './manifest.ts'
import { requireLog } from './offline.ts'
import { asOwnerOf } from './owner.ts'
import { isBackup, replacedBackups } from './replaced.ts'
import { requireSafePlace, Unfinished } from './unfinished.ts'

export interface BackupOptions {
  /** The data directory, of a hub that runs or not. */
  directory: string
  /** The directory to make. */
  to: string
  /** Other files of the data directory that belong to it; those that are not there are left out. */
  secrets: readonly string[]
  /** Without webhooks and secrets. */
  eventsOnly: boolean
  /** An earlier backup at `to` goes when this one is complete. */
  replace: boolean
  now: Date
  /** Ends it, with nothing left. */
  interrupted: AbortSignal
}

/** Others that put theirs in the same place at the same moment. */
const MOST_TRIES = 10

/**
 * Writes one consistent state to a directory that is its owner's alone: complete and verified, or not there. Of two at
 * once to one place the last one counts, whole.
 * @throws HubError `not-found`, `invalid-arguments` where something is in the way, `log-corrupt`, `log-newer`,
 * `log-unwritable`, `disk-full`, `log-failed`, `log-closed` when it is interrupted
 */
export async function backUp(options: BackupOptions): Promise<Manifest> {
  const { directory, replace, interrupted } = options
  const to = resolve(options.to)
  try {
    await asOwnerOf(directory, () => checkHeader(requireLog(directory), EVENT_LOG))
    requireSafePlace(to, directory)
    settle(to)
    requireRoom(to, replace)
    const unfinished = new Unfinished(to)
    try {
      const manifest = await write(options, unfinished.path)
      requireUninterrupted(interrupted)
      unfinished.finish()
      put(unfinished.path, to, replace)
      return manifest
    } catch (error) {
      unfinished.discard()
      throw error
    }
  } catch (error) {
    throw explained(error, to)
  }
}

function explained(error: unknown, to: string): unknown {
  if (isUnwritable(error)) {
    const reason = error instanceof Error ? error.message : String(error)
    return new HubError(
      'log-unwritable',
      `The backup ${to} cannot be made (${reason}); run it as the user of the hub or as root.`,
      { cause: error },
    )
  }
  const known = toHubError(error)
  return known.code === 'internal' ? error : known
}

/**
 * Places of webhooks are copied before the events: a place that is behind the log is a delivery that is sent again, and
 * one that is ahead of it would be a delivery that is lost.
 */
async function write(
  { directory, secrets, eventsOnly, now, interrupted }: BackupOptions,
  to: string,
): Promise<Manifest> {
  const files: BackupFile[] = []
  if (!eventsOnly) {
    for (const name of secrets) {
      const file = await asOwnerOf(directory, () => openIfThere(join(directory, name)))
      if (file === undefined) continue
      try {
        files.push({ name, ...(await copyFile(file, join(to, name))) })
      } finally {
        closeSync(file)
      }
    }
    if (await asOwnerOf(directory, () => hasContent(join(directory, OUTLETS_FILE)))) {
      const copy = join(to, OUTLETS_FILE)
      await copyDatabase(join(directory, OUTLETS_FILE), copy, interrupted)
      checkDatabase(copy, OUTLET_STORE)
      files.push({ name: OUTLETS_FILE, ...(await fingerprint(copy)) })
    }
  }
  const copy = join(to, EVENTS_FILE)
  await copyDatabase(join(directory, EVENTS_FILE), copy, interrupted)
  checkDatabase(copy, EVENT_LOG)
  const { events, bytes, head, generations } = logContents(copy)
  files.push({ name: EVENTS_FILE, ...(await fingerprint(copy)) })
  const made = now.toISOString()
  const text = manifestText({ made, eventsOnly, events, eventBytes: bytes, cursor: generations.cursor(head), files })
  writeFileSync(join(to, MANIFEST_FILE), text, { mode: 0o600, flag: 'wx' })
  syncFile(join(to, MANIFEST_FILE))
  syncDirectory(to)
  return JSON.parse(text) as Manifest
}

function hasContent(path: string): boolean {
  return existsSync(path) && checkHeader(path, OUTLET_STORE) !== undefined
}

function openIfThere(path: string): number | undefined {
  return existsSync(path) ? openFile(path) : undefined
}

/** An earlier backup steps aside for the moment between two renames, and goes. */
function put(unfinished: string, to: string, replace: boolean): void {
  const replaced: string[] = []
  for (let tries = 1; ; tries++) {
    requireRoom(to, replace)
    try {
      if (isThere(to)) {
        // A name of its own: another run may do the same now.
        const aside = `${to}.replaced-${newEpoch()}`
        renameSync(to, aside)
        replaced.push(aside)
      }
      renameSync(unfinished, to)
      break
    } catch (error) {
      if (tries === MOST_TRIES || !isOvertaken(error)) throw error
    }
  }
  syncDirectory(dirname(to))
  for (const path of replaced) rmSync(path, { recursive: true, force: true })
}

/** One that was cut off between the renames has left the earlier backup aside. */
function settle(to: string): void {
  const kept = replacedBackups(to)
  try {
    if (!isThere(to) && kept[0] !== undefined) renameSync(kept.shift()!, to)
  } catch (error) {
    if (!isOvertaken(error)) throw error
  }
  if (!isBackup(to)) return
  for (const path of kept) rmSync(path, { recursive: true, force: true })
}

/** Another run has just put something at a name, or taken it away. */
function isOvertaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(ENOENT|ENOTEMPTY|EEXIST)$/.test(String(error.code))
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

/** @throws HubError `invalid-arguments` */
function requireRoom(to: string, replace: boolean): void {
  if (!isThere(to)) return
  if (!replace) throw new HubError('invalid-arguments', `${to} is there already, and was left as it is.`)
  if (isBackup(to)) return
  throw new HubError('invalid-arguments', `${to} is not a backup, and only a backup is replaced by one.`)
}
