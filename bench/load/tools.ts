import { mkdirSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Tools {
  readers: string
  requests: string
  floor: string
}

/**
 * Compiles the C programs into the system's temporary directory, again when a source is newer.
 * @throws Error when there is no C compiler: a floor or a load in another language would measure that language.
 */
export function compileTools(): Tools {
  const compiler = Bun.which('cc')
  if (!compiler) throw new Error('The load generator and the floor are C programs: apt-get install gcc libc6-dev')
  const folder = join(tmpdir(), 'mcp-sse-bench-tools')
  mkdirSync(folder, { recursive: true })
  const build = (name: string, source: string): string => {
    const binary = join(folder, name)
    const from = join(import.meta.dir, '..', source)
    if (modified(binary) > modified(from)) return binary
    const run = Bun.spawnSync([compiler, '-O2', '-Wall', '-o', binary, from], { stderr: 'pipe' })
    if (!run.success) throw new Error(`${source} does not compile: ${run.stderr}`)
    return binary
  }
  return {
    readers: build('readers', 'load/readers.c'),
    requests: build('requests', 'load/requests.c'),
    floor: build('floor', 'floor/floor.c'),
  }
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
