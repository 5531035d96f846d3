import { readFileSync, statSync } from 'node:fs'

/**
 * The whole of a file of at most `mostBytes`. A directory, a pipe or a device is not regular: a pipe would keep the reader
 * waiting, for ever if nobody writes, and be empty the next time. @throws what the system says
 */
export function readRegularFile(path: string, mostBytes: number): Buffer | 'irregular' | 'too large' {
  const stat = statSync(path)
  if (!stat.isFile()) return 'irregular'
  return stat.size > mostBytes ? 'too large' : readFileSync(path)
}
