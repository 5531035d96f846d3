import { readFileSync } from 'node:fs'

/** How many descriptors this process may have open (Bun raises the soft limit to the hard one), if it can be told. */
export function descriptorLimit(platform: NodeJS.Platform): number | undefined {
  if (platform !== 'linux') return undefined
  try {
    const line = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
    const limit = Number(line?.[1])
    return Number.isSafeInteger(limit) ? limit : undefined
  } catch {
    // No /proc (some containers): the caller's default does without it.
    return undefined
  }
}
