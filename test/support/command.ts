import { resolve } from 'node:path'
import { searchedStream } from './searched-network.ts'
import { expectsSecret, inspect, registerSecretsOf } from './secrets.ts'

const ENTRY = resolve(import.meta.dir, '../../src/index.ts')

export interface CommandOptions {
  cwd: string
  env?: Record<string, string>
  stdin?: string | ReadableStream<Uint8Array>
  /** A command that runs the one that follows it. */
  through?: readonly string[]
}

/** `mcp-sse …` from source as its own process, with an environment of its own. */
export function startCommand(args: readonly string[], { cwd, env = {}, stdin = '', through = [] }: CommandOptions) {
  registerSecretsOf(env, args)
  const child = Bun.spawn([...through, process.execPath, 'run', ENTRY, ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: cwd, ...env },
    stdin: typeof stdin === 'string' ? new Blob([stdin]) : stdin,
    stdout: 'pipe',
    stderr: 'pipe',
  })
  searchedStream(child.stdout, `stdout of ${verb(args)}`)
  searchedStream(child.stderr, `stderr of ${verb(args)}`)
  return child
}

/** The same, to its end. `expectSecret(options)`: its stdout is where a secret belongs, as with `key new`. */
export async function runCommand(args: readonly string[], options: CommandOptions) {
  const child = startCommand(args, options)
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  if (!expectsSecret(options)) inspect(`stdout of ${verb(args)}`, stdout)
  inspect(`stderr of ${verb(args)}`, stderr)
  return { stdout, stderr, exitCode }
}

/** What a find calls the command: never an argument that may be the secret. */
function verb([first = '']: readonly string[]): string {
  return /^[a-z]{1,12}$/.test(first) ? first : 'mcp-sse'
}
