import { nearestName } from '../core/suggest.ts'
import type { Key } from './keys.ts'
import { readSecretFile } from './secret-file.ts'
import type { Setting } from './setting.ts'
import { type Environment, filled } from './variable.ts'

const PREFIX = 'MCP_SSE_'

/** Variables with the prefix that belong to the client commands. */
const CLIENT_VARIABLES = ['MCP_SSE_URL', 'MCP_SSE_KEY', 'MCP_SSE_WEBHOOK_SECRET']

export interface EnvironmentRead {
  settings: Setting[]
  /** Sentences; any of them stops the start. */
  problems: string[]
  warnings: string[]
}

/** @param options `cwd` is where the files of `…_FILE` variables are looked for, `origin` how a variable is called in messages. */
export function environmentSettings(
  env: Environment,
  keys: readonly Key[],
  { cwd, origin = (name) => name }: { cwd: string; origin?: (name: string) => string },
): EnvironmentRead {
  const read: EnvironmentRead = { settings: [], problems: [], warnings: [] }
  for (const key of keys) {
    const value = filled(env, key.env)
    const file = key.envFile && filled(env, key.envFile)
    if (value !== undefined && file !== undefined) {
      read.problems.push(
        `${origin(key.envFile!)} and ${key.env} are both set; which one counts? Unset one, best ${key.env}.`,
      )
    } else if (value !== undefined) read.settings.push({ key: key.name, value, origin: origin(key.env) })
    else if (file !== undefined) addSecret(read, key, { file, cwd, env, variable: origin(key.envFile!) })
  }
  // Warnings, not refusals: Kubernetes sets MCP_SSE_PORT=tcp://… and more in every pod beside a service called mcp-sse.
  const known = [...keys.flatMap((key) => [key.env, ...(key.envFile ? [key.envFile] : [])]), ...CLIENT_VARIABLES]
  for (const name of Object.keys(env)) {
    if (!name.startsWith(PREFIX) || known.includes(name)) continue
    const nearest = known.find((other) => PREFIX + other === name) ?? nearestName(name, known)
    read.warnings.push(`${origin(name)} is not a setting and is ignored.${nearest ? ` Did you mean ${nearest}?` : ''}`)
  }
  return read
}

function addSecret(
  read: EnvironmentRead,
  { name, meta }: Key,
  { file, cwd, env, variable }: { file: string; cwd: string; env: Environment; variable: string },
): void {
  const secret = readSecretFile(file, { variable, cwd, form: meta.secret!, env })
  if ('problem' in secret) read.problems.push(secret.problem)
  else {
    read.settings.push({ key: name, value: secret.value, origin: variable })
    if (secret.warning) read.warnings.push(secret.warning)
  }
}

/**
 * `NAME=value` a line; `#` starts a comment line, one pair of quotes around a value is taken off. Nothing is expanded.
 * Returns the variables and the line of each; a line that is none of this is in `broken`.
 */
export function parseEnvFile(text: string): {
  env: Record<string, string>
  lines: Map<string, number>
  broken: number[]
} {
  const env: Record<string, string> = {}
  const lines = new Map<string, number>()
  const broken: number[] = []
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const match = /^(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)$/.exec(line)
    if (!match) {
      broken.push(index + 1)
      continue
    }
    env[match[1]!] = match[2]!.replace(/^(["'])(.*)\1$/, '$2')
    lines.set(match[1]!, index + 1)
  }
  return { env, lines, broken }
}
