import type { AuthConfig, ConfiguredKey } from '../config/config.ts'
import { configKeys } from '../config/keys.ts'
import type { LoadedConfig } from '../config/load.ts'
import type { Settings } from '../config/schema.ts'
import { HubError } from '../core/errors.ts'
import type { LogLines } from '../daemon/log-lines.ts'
import { accessMode } from './access-settings.ts'

/** Keys that a reload takes over; `auth.open` is none, because it goes with where the hub listens. */
const RELOADED = ['cors_origin', 'public_url', 'allowed_hosts', 'limits.trusted_proxies']

export interface ReloadOptions {
  loaded: LoadedConfig
  /** Reads all sources again. @throws HubError `invalid-config` */
  load: () => LoadedConfig
  /** Makes what was read count. It changes nothing when it throws. */
  apply: (next: LoadedConfig) => Promise<void>
  lines: LogLines
}

/** The configuration a hub goes by, and how it takes over another one while it runs. */
export class Reload {
  readonly #options: ReloadOptions
  #loaded: LoadedConfig

  constructor(options: ReloadOptions) {
    this.#options = options
    this.#loaded = options.loaded
  }

  /** What would not start changes nothing and is said, problem by problem. Never rejects. */
  async run(): Promise<void> {
    const { load, apply, lines } = this.#options
    try {
      const next = load()
      refuseOpening(this.#loaded, next)
      await apply(next)
      for (const warning of next.warnings) lines.warn(warning)
      lines.info(`reloaded: ${changes(this.#loaded.config.auth, next.config.auth, changedKeys(this.#loaded, next))}`)
      this.#loaded = next
    } catch (error) {
      const problems = error instanceof HubError ? error.message : `internal error: ${String(error)}`
      lines.error('the configuration was not reloaded and everything goes on as before:')
      for (const problem of problems.split('\n')) lines.error(`  ${problem}`)
    }
  }
}

/** A file that was emptied or moved away must not open a hub that was closed. @throws HubError `invalid-config` */
function refuseOpening({ config: before }: LoadedConfig, { config: after }: LoadedConfig): void {
  const [from, to] = [accessMode(before), accessMode(after)]
  if (from === to || to === 'credentials' || from === 'open to all') return
  throw new HubError(
    'invalid-config',
    from === 'credentials'
      ? 'This would take away the last credential and let everyone in. If that is meant, start the hub again.'
      : 'auth.open is taken over only by a start: stop the hub and start it again.',
  )
}

/** Names of the keys whose values differ. */
function changedKeys(before: LoadedConfig, after: LoadedConfig): string[] {
  return configKeys()
    .filter(({ path }) => !Bun.deepEquals(valueAt(before.values, path), valueAt(after.values, path)))
    .map((key) => key.name)
}

function valueAt(values: Settings, path: readonly string[]): unknown {
  return path.reduce<unknown>((table, part) => (table as Record<string, unknown> | undefined)?.[part], values)
}

/** `keys added ci; keys removed old; auth.jwt.secret; for a restart: port`: names, never values. */
function changes(before: AuthConfig, after: AuthConfig, changed: readonly string[]): string {
  const names = (keys: readonly ConfiguredKey[]) => keys.map((key) => key.name).join(', ')
  const known = new Map(before.keys.map((key) => [key.name, key]))
  const kept = new Set(after.keys.map((key) => key.name))
  const isReloaded = (name: string) => RELOADED.includes(name) || (name.startsWith('auth.') && name !== 'auth.open')
  const parts = [
    ['keys added ', names(after.keys.filter((key) => !known.has(key.name)))],
    ['keys removed ', names(before.keys.filter((key) => !kept.has(key.name)))],
    ['keys changed ', names(after.keys.filter((key) => known.has(key.name) && !same(key, known.get(key.name))))],
    ['', changed.filter((name) => name !== 'auth.keys' && isReloaded(name)).join(', ')],
    ['needing a restart: ', changed.filter((name) => !isReloaded(name)).join(', ')],
  ] as const
  const said = parts.filter(([, what]) => what !== '').map(([title, what]) => title + what)
  return said.length > 0 ? said.join('; ') : 'nothing has changed'
}

function same(a: ConfiguredKey, b: ConfiguredKey | undefined): boolean {
  return Bun.deepEquals(a, b)
}
