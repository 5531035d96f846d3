import { nearestName } from '../core/suggest.ts'
import type { Key } from './keys.ts'
import type { Setting } from './setting.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const PREFIX = 'MCP_SSE_'

/** Variables with the prefix that belong to the client commands. */
const CLIENT_VARIABLES = ['MCP_SSE_URL', 'MCP_SSE_KEY']

/** A variable that is set to nothing counts as not set: that is what `PORT=${PORT}` makes of it in many files. */
export function filled(env: Environment, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name]
}

export function environmentSettings(
  env: Environment,
  keys: readonly Key[],
  origin = (name: string) => name,
): { settings: Setting[]; warnings: string[] } {
  const settings = keys.flatMap((key) => {
    const value = filled(env, key.env)
    return value === undefined ? [] : [{ key: key.name, value, origin: origin(key.env) }]
  })
  // Warnings, not refusals: Kubernetes sets MCP_SSE_PORT=tcp://… and more in every pod beside a service called mcp-sse.
  const known = [...keys.map((key) => key.env), ...CLIENT_VARIABLES]
  const warnings = Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !known.includes(name))
    .map((name) => {
      const nearest = known.find((other) => PREFIX + other === name) ?? nearestName(name, known)
      return `${origin(name)} is not a setting and is ignored.${nearest ? ` Did you mean ${nearest}?` : ''}`
    })
  return { settings, warnings }
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
