import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { Config } from '../../config/config.ts'
import { isThere } from '../../config/file.ts'
import { type LoadedConfig, loadConfig } from '../../config/load.ts'
import { configuredAccess } from '../configured-access.ts'
import { CommandFailure } from '../failure.ts'
import { type Places, placesBelow } from './places.ts'

const READABLE_BY_ALL = 0o004
/** ip(7); Linux's own default. */
const UNPRIVILEGED_PORTS = '/proc/sys/net/ipv4/ip_unprivileged_port_start'
const FIRST_UNPRIVILEGED = 1024

/**
 * What the service of the unit would go by. @param key the one that will be made, if it is not there
 * @throws HubError `invalid-config`, CommandFailure: what would not start, or would start open, is not installed
 */
export function serviceConfig(places: Places, key: string | undefined): LoadedConfig {
  const hasSettings = isThere(places.settings)
  const loaded = loadConfig({
    env: {
      STATE_DIRECTORY: places.data,
      CREDENTIALS_DIRECTORY: '/run/credentials/mcp-sse.service',
      ...(key === undefined ? { MCP_SSE_AUTH_KEY_FILE: places.key } : { MCP_SSE_AUTH_KEY: key }),
    },
    cwd: dirname(places.settings),
    mode: 'executable',
    // Unless there is one, none of this user's own either.
    configFile: hasSettings ? places.settings : '/dev/null',
  })
  configuredAccess(loaded)
  if (hasSettings) requireReadable(places)
  requireDirectory(loaded.config, places)
  requirePort(loaded.config, places)
  return loaded
}

function requireReadable({ settings }: Places): void {
  if ((statSync(settings).mode & READABLE_BY_ALL) !== 0) return
  throw new CommandFailure(
    `The service is a user of its own and cannot read ${settings}. Take secrets out of it, each into a file of its own that LoadCredential= hands over (docs/deploy.md), and let it be read.`,
    `chmod 644 ${settings}`,
  )
}

/** `ProtectSystem=strict`: everything else is read-only. */
function requireDirectory({ durability, dataDir }: Config, { data, settings }: Places): void {
  const own = placesBelow('/').data
  if (durability === 'memory' || isIn(dataDir, data) || isIn(dataDir, own)) return
  throw new CommandFailure(
    `${settings}: data_dir = ${dataDir}, where the service cannot write: its events belong in ${own}. Take data_dir out; for another disk, mount it at /var/lib/private/mcp-sse, which ${own} leads to.`,
    'mcp-sse service install',
  )
}

function isIn(path: string, directory: string): boolean {
  const way = relative(directory, path)
  return way !== '..' && !way.startsWith('../')
}

/** The unit has no capabilities; a drop-in may give the one for ports. */
function requirePort({ port }: Config, places: Places): void {
  if (port === 0 || port >= firstUnprivileged(places) || mayBindAny(places)) return
  throw new CommandFailure(
    `${places.settings}: port = ${port}, which the service has no right to: it runs without capabilities. Choose one above 1023, or give it CAP_NET_BIND_SERVICE by a drop-in first: docs/deploy.md has it.`,
    'systemctl edit mcp-sse',
  )
}

/** Of an image it is not known yet. */
function firstUnprivileged({ root }: Places): number {
  if (root !== '/' || !isThere(UNPRIVILEGED_PORTS)) return FIRST_UNPRIVILEGED
  return Number(readFileSync(UNPRIVILEGED_PORTS, 'latin1'))
}

function mayBindAny({ unit }: Places): boolean {
  const directory = `${unit}.d`
  if (!isThere(directory)) return false
  return readdirSync(directory)
    .filter((name) => name.endsWith('.conf'))
    .some((name) =>
      /^\s*AmbientCapabilities=.*\bCAP_NET_BIND_SERVICE\b/m.test(readFileSync(join(directory, name), 'utf8')),
    )
}
