import { renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { TestKey } from './access.ts'
import { keysFile } from './configured-key.ts'
import type { Executable } from './executable.ts'
import { until } from './until.ts'

/** What the executable reads in the directory it runs in. */
export function settingsFile(server: Executable): string {
  return join(dirname(server.dataDir), 'mcp-sse.toml')
}

/** Replaced as a whole: a signal may come at any time. */
export function writeSettings(server: Executable, ...parts: (string | TestKey)[]): void {
  const path = settingsFile(server)
  const text = parts.map((part) => (typeof part === 'string' ? part : keysFile(part))).join('\n')
  writeFileSync(`${path}.next`, text, { mode: 0o600 })
  renameSync(`${path}.next`, path)
}

/** SIGHUP, to the end of what it does. @returns the lines it wrote */
export async function reload(server: Executable): Promise<string> {
  const before = server.output.length
  process.kill(server.pid, 'SIGHUP')
  return until('the reload to be logged', () => {
    const said = server.output.slice(before)
    return /reloaded: [^\n]*\n|goes on as before:\n(\S+ mcp-sse: error: {3}[^\n]+\n)+/.test(said) ? said : undefined
  })
}
