import { existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { giveToOwner, syncDirectory } from './durable.ts'

/** A restore that is decided lies here, complete, until its files are in their places. */
export const READY = 'restore.ready'
export const PLAN_FILE = 'plan.json'

/** What SQLite puts beside a database belongs to it. */
const COMPANIONS = ['', '-wal', '-shm', '-journal']

export interface RestorePlan {
  /** Directory below the data directory for what was there before. */
  aside: string
  /** Files that make room; what is not among `brings` has nothing in its place. */
  replaces: readonly string[]
  brings: readonly string[]
}

export function isRestorePending(directory: string): boolean {
  return existsSync(join(directory, READY))
}

/**
 * Puts the files of a decided restore in their places, from wherever it was cut off. Only for who holds the lock of the
 * directory. @returns where the files that were there before are, `undefined` when nothing was moved
 */
export function finishRestore(directory: string): string | undefined {
  if (!isRestorePending(directory)) return undefined
  const ready = join(directory, READY)
  // The plan goes last of all that is in there: without it everything is in its place.
  const plan = existsSync(join(ready, PLAN_FILE))
    ? (JSON.parse(readFileSync(join(ready, PLAN_FILE), 'utf8')) as RestorePlan)
    : undefined
  const moved = plan && carryOut(plan, directory)
  rmSync(ready, { recursive: true })
  syncDirectory(directory)
  return moved
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
  giveToOwner(directory, [aside])
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
