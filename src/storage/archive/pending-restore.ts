import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { HubError } from '../../core/errors.ts'
import { OUTLETS_FILE } from '../outlets/messages.ts'
import { EVENTS_FILE } from '../sqlite/directory.ts'
import { syncDirectory } from './durable.ts'

/** A restore that is not decided yet is put together here. */
export const STAGING = 'restore.new'
/** A restore that is decided lies here, complete, until its files are in their places. */
export const READY = 'restore.ready'
export const PLAN_FILE = 'plan.json'

/** What SQLite puts beside a database belongs to it. */
const COMPANIONS = ['', '-wal', '-shm', '-journal']

/** What a backup may hold, and a restore may move. */
export const MEMBERS: readonly string[] = [EVENTS_FILE, OUTLETS_FILE, 'ticket.key', 'first-key.sha256']
const ASIDE = /^before-restore-[\dTZ.]+$/

export interface RestorePlan {
  /** Directory below the data directory for what was there before. */
  aside: string
  /** Files that make room; what is not among `brings` has nothing in its place. */
  replaces: readonly string[]
  brings: readonly string[]
}

export function isRestorePending(directory: string): boolean {
  return lstatSync(join(directory, READY), { throwIfNoEntry: false }) !== undefined
}

/**
 * Puts the files of a decided restore in their places, from wherever it was cut off, and removes what one that was never
 * decided has left. Only for who holds the lock of the directory. @returns where the files that were there before are,
 * `undefined` when nothing was moved. @throws HubError `log-corrupt` for what no restore wrote
 */
export function finishRestore(directory: string): string | undefined {
  rmSync(join(directory, STAGING), { recursive: true, force: true })
  if (!isRestorePending(directory)) return undefined
  const ready = join(directory, READY)
  if (!lstatSync(ready).isDirectory()) throw strange(ready)
  const path = join(ready, PLAN_FILE)
  // The plan goes last of all that is in there: without it everything is in its place.
  const plan = existsSync(path) ? readPlan(path) : undefined
  const moved = plan && carryOut(plan, directory)
  rmSync(path, { force: true })
  rmSync(ready, { recursive: true })
  syncDirectory(directory)
  return moved
}

/** Everything it names lies in the directory itself, by a name that is ours. */
function readPlan(path: string): RestorePlan {
  let plan: Partial<RestorePlan> | null
  try {
    plan = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw strange(path, error)
  }
  const { aside, replaces, brings } = plan ?? {}
  if (typeof aside === 'string' && ASIDE.test(aside) && areMembers(replaces) && areMembers(brings))
    return { aside, replaces, brings }
  throw strange(path)
}

function areMembers(names: unknown): names is readonly string[] {
  return Array.isArray(names) && names.every((name) => MEMBERS.includes(name))
}

function strange(path: string, cause?: unknown): HubError {
  const message = `${path} is not what a restore writes, and nothing was moved; remove it, and restore a backup again.`
  return new HubError('log-corrupt', message, { cause })
}

function carryOut({ aside, replaces, brings }: RestorePlan, directory: string): string | undefined {
  const before = join(directory, aside)
  mkdirSync(before, { recursive: true, mode: 0o700 })
  for (const name of replaces) {
    // When its new file is gone from there, what is in its place is the new one.
    if (brings.includes(name) && !existsSync(join(directory, READY, name))) continue
    for (const companion of COMPANIONS) moveIfThere(join(directory, name + companion), join(before, name + companion))
  }
  syncDirectory(before)
  syncDirectory(directory)
  for (const name of brings) moveIfThere(join(directory, READY, name), join(directory, name))
  syncDirectory(directory)
  return removeIfEmpty(before) ? undefined : before
}

function moveIfThere(from: string, to: string): void {
  if (existsSync(from)) renameSync(from, to)
}

function removeIfEmpty(directory: string): boolean {
  try {
    rmdirSync(directory)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOTEMPTY') return false
    throw error
  }
}
