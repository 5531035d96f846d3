import { closeSync, existsSync, mkdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Generations } from '../../core/cursor.ts'
import { HubError } from '../../core/errors.ts'
import { newEpoch } from '../epoch.ts'
import { OUTLETS_FILE } from '../outlets/messages.ts'
import { OUTLET_STORE } from '../outlets/open-database.ts'
import { Connection } from '../sqlite/connection.ts'
import { EVENTS_FILE, prepareDirectory } from '../sqlite/directory.ts'
import { EVENT_LOG } from '../sqlite/open-database.ts'
import { checkDatabase, logContents } from './contents.ts'
import { syncDirectory, syncFile } from './durable.ts'
import { copyFile, openFile } from './hashed-copy.ts'
import { type Manifest, readManifest } from './manifest.ts'
import { locked } from './offline.ts'
import { finishRestore, PLAN_FILE, READY, type RestorePlan, STAGING } from './pending-restore.ts'
import { replacedBackups } from './replaced.ts'

export interface RestoreOptions {
  /** A directory that `backUp` made. */
  from: string
  /** The data directory; no hub runs in it. */
  directory: string
  /** As in `BackupOptions`. */
  secrets: readonly string[]
  /** What is there steps aside. */
  replace: boolean
  now: Date
}

export interface Restored {
  manifest: Manifest
  /** Where the files are that were there before. */
  aside: string | undefined
}

/**
 * Puts a backup in place of what a data directory holds. Until one rename everything is as it was, and after it the
 * restore is brought to its end by whoever locks the directory next: a crash leaves the old or the new.
 * @throws HubError `not-found`, `log-corrupt`, `log-newer` of the backup; `invalid-arguments` where there is a log;
 * `log-locked`, `log-unwritable`, `disk-full`, `log-failed`
 */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const { from, directory, secrets, replace, now } = options
  const manifest = manifestOf(from)
  const brings = manifest.files.map(({ name }) => name)
  const known = [EVENTS_FILE, ...(manifest.eventsOnly ? [] : [OUTLETS_FILE, ...secrets])]
  const strange = brings.find((name) => !known.includes(name))
  if (strange !== undefined || !brings.includes(EVENTS_FILE)) {
    throw new HubError('log-corrupt', `${from} is not a whole backup of a hub: look at its list of files.`)
  }
  prepareDirectory(directory)
  if (realpathSync(from) === realpathSync(directory)) {
    throw new HubError('invalid-arguments', `${from} is the data directory itself: restore it to another directory.`)
  }
  // As who asks: the user of the hub need not be able to read them.
  const sources = openAll(from, brings)
  try {
    return await locked(directory, async () => {
      finishRestore(directory)
      const there = known.filter((name) => existsSync(join(directory, name)))
      if (there.length > 0 && !replace) {
        const message = `${directory} holds ${there.join(', ')} already, and was left as it is.`
        throw new HubError('invalid-arguments', message)
      }
      const plan = { aside: `before-restore-${stamp(now)}`, replaces: known, brings }
      await stage(join(directory, STAGING), from, sources, manifest, plan)
      renameSync(join(directory, STAGING), join(directory, READY))
      // From here on it is the new one.
      return { manifest, aside: finishDecided(directory, plan) }
    })
  } finally {
    for (const file of sources.values()) closeSync(file)
  }
}

function manifestOf(from: string): Manifest {
  // First the likely: what it lies in need not be a directory that may be listed.
  if (existsSync(from)) return readManifest(from)
  const [aside] = replacedBackups(from)
  if (aside === undefined) return readManifest(from)
  throw new HubError(
    'not-found',
    `${from} is not there: a backup that was to replace it was cut off, and it lies in ${aside}; restore that.`,
  )
}

function finishDecided(directory: string, { aside }: RestorePlan): string | undefined {
  try {
    syncDirectory(directory)
    return finishRestore(directory)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new HubError(
      'log-failed',
      `The restore is decided, but not at its end (${reason}): the next start of the hub brings it there. The old files will be in ${join(directory, aside)}.`,
      { cause },
    )
  }
}

function openAll(from: string, names: readonly string[]): Map<string, number> {
  const files = new Map<string, number>()
  try {
    for (const name of names) files.set(name, opened(join(from, name)))
    return files
  } catch (error) {
    for (const file of files.values()) closeSync(file)
    throw error
  }
}

function opened(path: string): number {
  try {
    return openFile(path)
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new HubError(
      'log-corrupt',
      isMissing ? `${path} is missing from the backup.` : `${path} cannot be read as a file of a backup (${reason}).`,
      { cause },
    )
  }
}

async function stage(
  staging: string,
  from: string,
  sources: ReadonlyMap<string, number>,
  manifest: Manifest,
  plan: RestorePlan,
): Promise<void> {
  mkdirSync(staging, { mode: 0o700 })
  try {
    for (const { name, ...file } of manifest.files) {
      const { bytes, sha256 } = await copyFile(sources.get(name)!, join(staging, name))
      if (bytes === file.bytes && sha256 === file.sha256) continue
      throw new HubError('log-corrupt', `${join(from, name)} is not what the backup wrote (its SHA-256 differs).`)
    }
    if (sources.has(OUTLETS_FILE)) checkDatabase(join(staging, OUTLETS_FILE), OUTLET_STORE)
    checkDatabase(join(staging, EVENTS_FILE), EVENT_LOG)
    beginGeneration(join(staging, EVENTS_FILE))
    writeFileSync(join(staging, PLAN_FILE), JSON.stringify(plan), { mode: 0o600, flag: 'wx' })
    syncFile(join(staging, PLAN_FILE))
    syncDirectory(staging)
  } catch (error) {
    rmSync(staging, { recursive: true, force: true })
    throw error
  }
}

/** What was published after the backup is unknown to this log, before and after its offsets are given out again. */
function beginGeneration(path: string): Generations {
  const { head, generations } = logContents(path)
  const generation = { epoch: newEpoch(), firstOffset: head + 1 }
  const database = new Connection(path)
  try {
    database.run('PRAGMA synchronous = FULL')
    database
      .query('INSERT INTO generations (first_offset, epoch) VALUES (?, ?)')
      .run(generation.firstOffset, generation.epoch)
  } finally {
    database.close()
  }
  syncFile(path)
  generations.begin(generation)
  return generations
}

/** `20261123T011500.123Z`: a name on every file system. */
function stamp(now: Date): string {
  return now.toISOString().replaceAll(/[-:]/g, '')
}
