import { closeSync, fsyncSync, openSync } from 'node:fs'

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
