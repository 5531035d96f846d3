import { chownSync, closeSync, fsyncSync, openSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** What the file holds is on the disk before this returns. */
export function syncFile(path: string): void {
  const file = openSync(path, 'r+')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Names that were made, moved or removed in it are on the disk before this returns. */
export function syncDirectory(path: string): void {
  // Windows opens no directories; NTFS keeps names in order by itself.
  if (process.platform === 'win32') return
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

/** Root may work on the directory of a service, which has to be able to use what is there afterwards. */
export function giveToOwner(directory: string, names: readonly string[]): void {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = statSync(directory)
  for (const name of names) {
    const path = join(directory, name)
    if (statSync(path, { throwIfNoEntry: false })) chownSync(path, uid, gid)
  }
}
