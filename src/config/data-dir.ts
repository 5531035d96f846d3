import { homedir } from 'node:os'
import { join } from 'node:path'
import { type Environment, filled } from './variable.ts'

/** How the program was started: from a checkout, or as the one-file executable. */
export type RunMode = 'source' | 'executable'

/** Where events are kept when nobody said. `./data` only in a checkout: an executable is started from anywhere. */
export function defaultDataDir(mode: RunMode, env: Environment, platform: NodeJS.Platform): string {
  if (mode === 'source') return './data'
  // systemd's StateDirectory=; it may name several, separated by colons.
  const state = filled(env, 'STATE_DIRECTORY')?.split(':')[0]
  if (state) return state
  const home = filled(env, 'HOME') ?? homedir()
  const xdg = filled(env, 'XDG_DATA_HOME')
  if (xdg) return join(xdg, 'mcp-sse')
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'mcp-sse')
  if (platform === 'win32') return join(filled(env, 'LOCALAPPDATA') ?? join(home, 'AppData', 'Local'), 'mcp-sse')
  return join(home, '.local', 'share', 'mcp-sse')
}
