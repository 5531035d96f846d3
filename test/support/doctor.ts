import { resolve } from 'node:path'
import { executablePath } from './executable.ts'
import { inspect, registerSecretsOf } from './secrets.ts'
import { tempDir } from './temp-dir.ts'

const ENTRY = resolve(import.meta.dir, '../../src/index.ts')

export interface Check {
  check: string
  verdict: string
  saw: string
  change: string[]
  numbers: Record<string, number>
}

export interface Examined {
  url: string
  ok: boolean
  proxy: { kind?: string; name: string } | null
  checks: Check[]
  left: string | null
}

interface DoctorOptions {
  key?: string
  args?: readonly string[]
  env?: Record<string, string>
  /** From source if left out. */
  executable?: boolean
  /** Called once, when it says that the hub is to be restarted. */
  restart?: () => Promise<void>
}

/** `mcp-sse doctor URL --json`, to its end. The quiet stream is held for a second unless `args` say otherwise. */
export async function doctor(
  url: string,
  { key, args = [], env = {}, executable = false, restart }: DoctorOptions = {},
) {
  using dir = tempDir()
  const words = ['doctor', url, '--json', ...(args.includes('--for') ? [] : ['--for', '1s']), ...args]
  const all = { PATH: process.env.PATH ?? '', HOME: dir.path, ...env, ...(key ? { MCP_SSE_KEY: key } : {}) }
  registerSecretsOf(all, args)
  const program = executable ? [executablePath()] : [process.execPath, 'run', ENTRY]
  const child = Bun.spawn([...program, ...words], { cwd: dir.path, env: all, stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), told(child.stderr, restart)])
  const exitCode = await child.exited
  inspect('the output of doctor', `${stdout}\n${stderr}`)
  return { examined: JSON.parse(stdout) as Examined, stderr, exitCode }
}

async function told(stderr: ReadableStream<Uint8Array>, restart: (() => Promise<void>) | undefined): Promise<string> {
  let text = ''
  let restarting: Promise<void> | undefined
  for await (const chunk of stderr) {
    text += Buffer.from(chunk).toString()
    if (text.includes('Restart the hub now')) restarting ??= restart?.()
  }
  await restarting
  return text
}

/** The checks that found something, with their verdicts, and what it was for whoever reads a failing test. */
export function troubles({ checks }: Examined): Record<string, string> {
  const found = checks.filter(({ verdict }) => verdict === 'fail' || verdict === 'warn')
  return Object.fromEntries(found.map(({ check, verdict }) => [check, verdict]))
}

export function checkOf({ checks }: Examined, name: string): Check {
  const found = checks.find(({ check }) => check === name)
  if (!found) throw new Error(`There is no check ${name}.`)
  return found
}
