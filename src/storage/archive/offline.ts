import { statSync } from 'node:fs'
import { join } from 'node:path'
import { HubError } from '../../core/errors.ts'
import { EVENTS_FILE, isUnwritable, unwritable } from '../sqlite/directory.ts'
import { lockDirectory } from '../sqlite/lock.ts'
import { toHubError } from '../sqlite/sqlite-error.ts'
import { asOwnerOf } from './owner.ts'
import { isRestorePending } from './pending-restore.ts'

/**
 * The path of the log in `directory`.
 * @throws HubError `not-found`, `log-unwritable`, `log-failed` while a restore is not at its end
 */
export function requireLog(directory: string): string {
  const path = join(directory, EVENTS_FILE)
  try {
    if (isRestorePending(directory)) {
      throw new HubError(
        'log-failed',
        `A restore of ${directory} was cut off; the next start of the hub brings it to its end.`,
      )
    }
    const file = statSync(path, { throwIfNoEntry: false })
    if (!file) throw new HubError('not-found', `There is no event log in ${directory}.`)
    requireOwn(path, file.uid, statSync(directory).uid)
    return path
  } catch (error) {
    if (!isUnwritable(error)) throw error
    const message = `The data directory ${directory} cannot be read (${(error as Error).message}); run this as the user it belongs to, or as root.`
    throw new HubError('log-unwritable', message, { cause: error })
  }
}

/** Root would read through a link what whoever put it there may not. */
function requireOwn(path: string, uid: number, owner: number): void {
  if (process.geteuid?.() !== 0 || owner === 0 || uid === owner) return
  throw new HubError(
    'log-unwritable',
    `${path} leads to a file of another user than its directory: look what put it there.`,
  )
}

/**
 * Runs `work` as the one process that uses the directory, which is there, and as the user it belongs to.
 * @throws HubError `log-locked`, `log-unwritable`, and what `work` throws
 */
export function locked<T>(directory: string, work: () => T | Promise<T>): Promise<T> {
  return asOwnerOf(directory, async () => {
    try {
      const unlock = lockDirectory(directory)
      try {
        return await work()
      } finally {
        unlock()
      }
    } catch (error) {
      if (isUnwritable(error)) throw unwritable(directory, error)
      const known = toHubError(error)
      throw known.code === 'internal' ? error : known
    }
  })
}
