import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
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
import { giveToOwner, syncDirectory, syncFile } from './durable.ts'
import { copyFile } from './hashed-copy.ts'
import { type Manifest, readManifest } from './manifest.ts'
import { locked } from './offline.ts'
import { finishRestore, PLAN_FILE, READY, type RestorePlan } from './pending-restore.ts'

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

const STAGING = 'restore.new'

/**
 * Puts a backup in place of what a data directory holds. Until one rename everything is as it was, and after it the
 * restore is brought to its end by whoever locks the directory next: a crash leaves the old or the new.
 * @throws HubError `not-found`, `log-corrupt`, `log-newer` of the backup; `invalid-arguments` where there is a log;
 * `log-locked`, `log-unwritable`, `disk-full`, `log-failed`
 */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const { from, directory, secrets, replace, now } = options
  const manifest = readManifest(from)
  const brings = manifest.files.map(({ name }) => name)
  const known = [EVENTS_FILE, ...(manifest.eventsOnly ? [] : [OUTLETS_FILE, ...secrets])]
  const strange = brings.find((name) => !known.includes(name))
  if (strange !== undefined || !brings.includes(EVENTS_FILE)) {
    throw new HubError('log-corrupt', `${from} is not a whole backup of a hub: look at its list of files.`)
  }
  prepareDirectory(directory)
  return locked(directory, async () => {
    finishRestore(directory)
    const there = known.filter((name) => existsSync(join(directory, name)))
    if (there.length > 0 && !replace) {
      const message = `${directory} holds ${there.join(', ')} already, and was left as it is.`
      throw new HubError('invalid-arguments', message)
    }
    const plan = { aside: `before-restore-${stamp(now)}`, replaces: known, brings }
    await stage(join(directory, STAGING), from, manifest, plan)
    giveToOwner(join(directory), [STAGING])
    giveToOwner(
      directory,
      brings.map((name) => join(STAGING, name)),
    )
    // From here on it is the new one.
    renameSync(join(directory, STAGING), join(directory, READY))
    syncDirectory(directory)
    return { manifest, aside: finishRestore(directory) }
  })
}

async function stage(staging: string, from: string, manifest: Manifest, plan: RestorePlan): Promise<void> {
  rmSync(staging, { recursive: true, force: true })
  mkdirSync(staging, { mode: 0o700 })
  try {
    for (const file of manifest.files) {
      const { bytes, sha256 } = await copied(from, staging, file.name)
      if (bytes === file.bytes && sha256 === file.sha256) continue
      throw new HubError('log-corrupt', `${join(from, file.name)} is not what the backup wrote (its SHA-256 differs).`)
    }
    if (manifest.files.some(({ name }) => name === OUTLETS_FILE))
      checkDatabase(join(staging, OUTLETS_FILE), OUTLET_STORE)
    checkDatabase(join(staging, EVENTS_FILE), EVENT_LOG)
    beginGeneration(join(staging, EVENTS_FILE))
    writeFileSync(join(staging, PLAN_FILE), JSON.stringify(plan), { mode: 0o600 })
    syncFile(join(staging, PLAN_FILE))
    syncDirectory(staging)
  } catch (error) {
    rmSync(staging, { recursive: true, force: true })
    throw error
  }
}

async function copied(from: string, to: string, name: string) {
  try {
    return await copyFile(join(from, name), join(to, name))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    throw new HubError('log-corrupt', `${join(from, name)} is missing from the backup.`, { cause: error })
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
