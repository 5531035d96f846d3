import { existsSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const BUILD_TIMEOUT_MS = 400_000

export interface GoProgram {
  name: string
  /** With its version. */
  module: string
  /** A `main.go` of its own, where the module has no program that can be built as it is; else `program` is built. */
  main?: string
  /** Import path of the module's own program. */
  program?: string
  /** Import paths that get an empty package instead, each its own module. */
  emptied?: string[]
}

/**
 * Builds a peer from its published module in a folder of the system's temporary directory, outside this project, and
 * keeps it there for later runs, a failure too. `build: false` only looks for an earlier build.
 */
export async function goBuild(program: GoProgram, build: boolean): Promise<{ binary: string } | { absent: string }> {
  const folder = join(tmpdir(), 'mcp-sse-bench-peers', program.module.replaceAll('/', '_'))
  const binary = join(folder, program.name)
  if (existsSync(binary)) return { binary }
  const failure = join(folder, 'failure.txt')
  if (existsSync(failure)) return { absent: `an earlier build failed: ${await Bun.file(failure).text()}` }
  if (!build) return { absent: 'not built yet; a run without --quick builds it' }
  if (!Bun.which('go')) return { absent: 'Go is not installed' }
  mkdirSync(folder, { recursive: true })
  const replacements: string[] = []
  for (const [index, path] of (program.emptied ?? []).entries()) {
    await Bun.write(join(folder, `empty${index}/go.mod`), `module ${path}\n`)
    await Bun.write(join(folder, `empty${index}/empty.go`), 'package empty\n')
    replacements.push(`replace ${path} => ./empty${index}\n`)
  }
  await Bun.write(join(folder, 'go.mod'), `module peer\n${replacements.join('')}`)
  if (program.main) await Bun.write(join(folder, 'main.go'), program.main)
  for (const command of [
    ['go', 'get', program.module],
    ['go', 'build', '-mod=mod', '-o', binary, program.program ?? '.'],
  ]) {
    const run = Bun.spawn(command, {
      cwd: folder,
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'pipe',
      timeout: BUILD_TIMEOUT_MS,
    })
    const complaint = await new Response(run.stderr).text()
    if ((await run.exited) !== 0) {
      const last = complaint.trim().split('\n').at(-1)?.trim() || `no result after ${BUILD_TIMEOUT_MS / 1000} s`
      const reason = `${command.slice(0, 2).join(' ')} failed: ${last}`
      await Bun.write(failure, reason)
      return { absent: reason }
    }
  }
  return { binary }
}
