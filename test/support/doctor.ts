import { resolve } from 'node:path'
import { JSON_WITHIN_MS } from '../../src/mcp/outboxes.ts'
import { executablePath } from './executable.ts'
import { inspect, registerSecretsOf } from './secrets.ts'
import { type ServedHub, type ServedHubOptions, servedHub } from './served-hub.ts'
import { SLOWER } from './slower.ts'
import { tempDir } from './temp-dir.ts'

const ENTRY = resolve(import.meta.dir, '../../src/index.ts')
/** What is loaded before it, from source. */
const TIMES: Record<'slow' | 'patient' | 'real', readonly string[]> = {
  slow: ['slow-clock.ts'],
  patient: ['patient-waits.ts'],
  real: [],
}
/** The same before the executable, which has no other. What it is to hold for a second it then holds for ten. */
const SLOW_EXECUTABLE = `--preload ${resolve(import.meta.dir, 'slow-seconds.ts')}`

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
  /**
   * Its seconds last ten, so that nothing is late that comes; from source `patient` where it waits for what does not come,
   * too. `real` is for what ends by its limits alone.
   */
  time?: keyof typeof TIMES
  /** Called once, when it says that the hub is to be restarted. */
  restart?: () => Promise<void>
}

/** A served hub that answers a long call as a stream when a hub does, which the doctor looks at. */
export function examinedHub(options: ServedHubOptions = {}): Promise<ServedHub> {
  return servedHub({ ...options, mcpLimits: { jsonWithinMs: JSON_WITHIN_MS, ...options.mcpLimits } })
}

/** `mcp-sse doctor URL --json`, to its end. The quiet stream is held for a second unless `args` say otherwise. */
export async function doctor(
  url: string,
  { key, args = [], env = {}, executable = false, time = 'slow', restart }: DoctorOptions = {},
) {
  using dir = tempDir()
  const slowed = executable && time === 'slow'
  const words = ['doctor', url, '--json', ...(args.includes('--for') ? [] : ['--for', '1s']), ...args]
  if (slowed) words[words.indexOf('--for') + 1] = secondsOf(words[words.indexOf('--for') + 1]!)
  const all = {
    PATH: process.env.PATH ?? '',
    HOME: dir.path,
    ...(slowed && { BUN_OPTIONS: SLOW_EXECUTABLE }),
    ...env,
    ...(key && { MCP_SSE_KEY: key }),
  }
  registerSecretsOf(all, args)
  const preloads = TIMES[time].flatMap((file) => ['--preload', resolve(import.meta.dir, file)])
  const program = executable ? [executablePath()] : [process.execPath, 'run', ...preloads, ENTRY]
  const child = Bun.spawn([...program, ...words], { cwd: dir.path, env: all, stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), told(child.stderr, restart)])
  const exitCode = await child.exited
  inspect('the output of doctor', `${stdout}\n${stderr}`)
  return { examined: JSON.parse(stdout) as Examined, stderr, exitCode }
}

/** As many slow ones: `10s` is `1000ms`. */
function secondsOf(duration: string): string {
  return `${(Number.parseInt(duration, 10) * 1000) / SLOWER}ms`
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
