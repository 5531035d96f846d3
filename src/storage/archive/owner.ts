import { statSync } from 'node:fs'
import { HubError } from '../../core/errors.ts'

/**
 * Runs `work` as the user whom `directory` belongs to, when root calls. That user may have put links and other files
 * where ours belong: with its rights they lead nowhere it could not go itself, and what is made belongs to it. The whole
 * process changes, with its threads and SQLite (Bun 1.4.5: all of them at once), so one call at a time. @throws HubError `log-unwritable` for a root that may not, and what `work` throws
 */
export async function asOwnerOf<T>(directory: string, work: () => T | Promise<T>): Promise<T> {
  const { seteuid, setegid, setgroups, geteuid, getegid, getgroups } = process
  const stat = statSync(directory, { throwIfNoEntry: false })
  const isRoot = geteuid?.() === 0
  if (!isRoot || !stat || stat.uid === 0 || !seteuid || !setegid || !setgroups) return await work()
  const [group, groups] = [getegid!(), getgroups!()]
  const become = (user: number, ownGroup: number, others: (string | number)[]): void => {
    // Root first or last: only root changes groups.
    if (user === 0) seteuid(0)
    setgroups(others)
    setegid(ownGroup)
    if (user !== 0) seteuid(user)
  }
  try {
    become(stat.uid, stat.gid, [stat.gid])
  } catch (cause) {
    // A container without CAP_SETUID and CAP_SETGID. What was changed before it failed ends with the process.
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new HubError(
      'log-unwritable',
      `${directory} belongs to user ${stat.uid}, and this root may not act as it (${reason}): run this as that user, for example with docker exec --user ${stat.uid}.`,
      { cause },
    )
  }
  try {
    return await work()
  } finally {
    become(0, group, groups)
  }
}
