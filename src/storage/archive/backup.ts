import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { HubError } from '../../core/errors.ts'
import { OUTLETS_FILE } from '../outlets/messages.ts'
import { OUTLET_STORE } from '../outlets/open-database.ts'
import { EVENTS_FILE } from '../sqlite/directory.ts'
import { checkHeader } from '../sqlite/file-header.ts'
import { EVENT_LOG } from '../sqlite/open-database.ts'
import { checkDatabase, logContents } from './contents.ts'
import { copyDatabase } from './copy-database.ts'
import { syncDirectory, syncFile } from './durable.ts'
import { copyFile, fingerprint } from './hashed-copy.ts'
import { type BackupFile, MANIFEST_FILE, type Manifest, manifestText } from './manifest.ts'
import { locked, requireLog } from './offline.ts'

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

const LOCK_FILES = ['lock', 'lock.pid']

/**
 * Writes one consistent state to a directory that is its owner's alone: complete and verified, or not there.
 * @throws HubError `not-found`, `invalid-arguments` where something is in the way, `log-corrupt`, `log-newer`,
 * `log-locked`, `log-unwritable`, `disk-full`, `log-failed`, `log-closed` when it is interrupted
 */
export async function backUp(options: BackupOptions): Promise<Manifest> {
  const to = resolve(options.to)
  const log = requireLog(options.directory)
  checkHeader(log, EVENT_LOG)
  settle(to)
  requireRoom(to, options.replace)
  const unfinished = `${to}.unfinished`
  makeDirectory(unfinished)
  const manifest = await alone(unfinished, to, async () => {
    // Whatever one that was cut off has left.
    for (const name of readdirSync(unfinished)) {
      if (!LOCK_FILES.includes(name)) rmSync(join(unfinished, name), { recursive: true })
    }
    try {
      return await write(options, unfinished)
    } catch (error) {
      rmSync(unfinished, { recursive: true, force: true })
      throw error
    }
  })
  for (const name of LOCK_FILES) rmSync(join(unfinished, name), { force: true })
  put(unfinished, to)
  return manifest
}

async function alone<T>(unfinished: string, to: string, work: () => Promise<T>): Promise<T> {
  try {
    return await locked(unfinished, work)
  } catch (error) {
    if (!(error instanceof HubError && error.code === 'log-locked')) throw error
    throw new HubError('log-locked', `Another backup to ${to} is at work; wait for its end.`, { cause: error })
  }
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
      if (existsSync(join(directory, name)))
        files.push({ name, ...(await copyFile(join(directory, name), join(to, name))) })
    }
    if (hasContent(join(directory, OUTLETS_FILE))) {
      const copy = join(to, OUTLETS_FILE)
      await copyDatabase(join(directory, OUTLETS_FILE), copy, interrupted)
      checkDatabase(copy, OUTLET_STORE)
      files.push({ name: OUTLETS_FILE, ...(await fingerprint(copy)) })
    }
  }
  const copy = join(to, EVENTS_FILE)
  await copyDatabase(requireLog(directory), copy, interrupted)
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

/** An earlier backup steps aside for the moment between two renames, and goes. */
function put(unfinished: string, to: string): void {
  const replaced = earlier(to)
  if (existsSync(to)) renameSync(to, replaced)
  renameSync(unfinished, to)
  syncDirectory(dirname(to))
  rmSync(replaced, { recursive: true, force: true })
}

/** One that was cut off between the renames has left the earlier backup aside. */
function settle(to: string): void {
  const replaced = earlier(to)
  if (!existsSync(join(replaced, MANIFEST_FILE))) return
  if (existsSync(to)) rmSync(replaced, { recursive: true })
  else renameSync(replaced, to)
}

function earlier(to: string): string {
  return `${to}.replaced`
}

function requireRoom(to: string, replace: boolean): void {
  if (!existsSync(to)) return
  if (!replace) throw new HubError('invalid-arguments', `${to} is there already, and was left as it is.`)
  if (!existsSync(join(to, MANIFEST_FILE))) {
    throw new HubError('invalid-arguments', `${to} is not a backup, and only a backup is replaced by one.`)
  }
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    if (code === 'EEXIST') {
      chmodSync(path, 0o700)
      return
    }
    throw new HubError('log-unwritable', `${path} cannot be made (${code}); name a directory below one of yours.`, {
      cause,
    })
  }
}
