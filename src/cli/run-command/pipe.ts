import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemCode } from '../child-end.ts'

/** A pipe of the system: the child is given `end`, which is then closed here, and what it writes is read from `fd`. */
export interface Pipe {
  fd: number
  end: number
}

/**
 * `count` pipes; `undefined` where the system gives none: there is no `mkfifo`, or the temporary directory cannot be used.
 * Bun's own `'pipe'` (1.4.5) is a pair of sockets, and a script that writes to `/dev/stderr` cannot open one (ENXIO), nor
 * does its writer get SIGPIPE (ECONNRESET).
 */
export function openPipes(count: number): Pipe[] | undefined {
  if (process.platform === 'win32') return undefined
  const opened: number[] = []
  try {
    const directory = mkdtempSync(join(tmpdir(), 'mcp-sse-run-'))
    try {
      const paths = Array.from({ length: count }, (_, index) => join(directory, String(index)))
      const made = Bun.spawnSync(['mkfifo', '-m', '600', ...paths], { stdio: ['ignore', 'ignore', 'ignore'] })
      if (!made.success) return undefined
      return paths.map((path) => {
        // Without a writer yet, opening it would wait.
        const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
        opened.push(fd)
        const end = openSync(path, constants.O_WRONLY)
        opened.push(end)
        return { fd, end }
      })
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  } catch (error) {
    for (const fd of opened) closeSync(fd)
    if (systemCode(error) === undefined) throw error
    return undefined
  }
}

export function closeEnds(pipes: readonly Pipe[]): void {
  for (const { end } of pipes) closeSync(end)
}
