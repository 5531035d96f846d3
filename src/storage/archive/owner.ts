import { statSync } from 'node:fs'

/**
 * Runs `work` as the user whom `directory` belongs to, when root calls. That user may have put links and other files
 * where ours belong: with its rights they lead nowhere it could not go itself, and what is made belongs to it. The whole
 * process changes, with its threads and SQLite (Bun 1.4.5: all of them at once), so one call at a time.
 */
export async function asOwnerOf<T>(directory: string, work: () => T | Promise<T>): Promise<T> {
  const { seteuid, setegid, setgroups, geteuid, getegid, getgroups } = process
  const stat = statSync(directory, { throwIfNoEntry: false })
  const isRoot = geteuid?.() === 0
  if (!isRoot || !stat || stat.uid === 0 || !seteuid || !setegid || !setgroups) return await work()
  const [group, groups] = [getegid!(), getgroups!()]
  try {
    setgroups([stat.gid])
    setegid(stat.gid)
    seteuid(stat.uid)
    return await work()
  } finally {
    seteuid(0)
    setegid(group)
    setgroups(groups)
  }
}
