import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { MANIFEST_FILE, readManifest } from './manifest.ts'
import { besides } from './unfinished.ts'

export function isBackup(path: string): boolean {
  const isDirectory = lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  return isDirectory && lstatSync(join(path, MANIFEST_FILE), { throwIfNoEntry: false })?.isFile() === true
}

/** Backups that made room for one at `to` and were left there, the newest first. */
export function replacedBackups(to: string): string[] {
  const made = (path: string) => {
    try {
      return readManifest(path).made
    } catch {
      // Whole ones come first.
      return ''
    }
  }
  return besides(to, 'replaced')
    .filter(isBackup)
    .sort((one, other) => made(other).localeCompare(made(one)))
}
