import { resolve } from 'node:path'

const ENTRY = resolve(import.meta.dir, '../../src/index.ts')

export interface CommandOptions {
  cwd: string
  env?: Record<string, string>
  stdin?: string | ReadableStream<Uint8Array>
}

/** `mcp-sse …` from source as its own process, with an environment of its own. */
export function startCommand(args: readonly string[], { cwd, env = {}, stdin = '' }: CommandOptions) {
  return Bun.spawn([process.execPath, 'run', ENTRY, ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: cwd, ...env },
    stdin: typeof stdin === 'string' ? new Blob([stdin]) : stdin,
    stdout: 'pipe',
    stderr: 'pipe',
  })
}

/** The same, to its end. */
export async function runCommand(args: readonly string[], options: CommandOptions) {
  const child = startCommand(args, options)
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { stdout, stderr, exitCode }
}
