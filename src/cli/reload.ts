import type { AuthConfig, Config, ConfiguredKey } from '../config/config.ts'
import { configKeys, reloadedKeys } from '../config/keys.ts'
import type { LoadedConfig } from '../config/load.ts'
import type { Settings } from '../config/schema.ts'
import { HubError } from '../core/errors.ts'
import type { LogLines } from '../daemon/log-lines.ts'
import { accessMode } from './access-settings.ts'
import { NEW_KEY, startWithoutCredentials } from './last-credential.ts'

export interface ReloadOptions {
  loaded: LoadedConfig
  /** Reads all sources again; `closed` as in `ConfigSources`. @throws HubError `invalid-config` */
  load: (closed: boolean) => LoadedConfig
  /** Makes what was read count; `closed`: nobody gets in. It changes nothing when it throws. */
  apply: (next: LoadedConfig, closed: boolean) => Promise<void>
  lines: LogLines
}

/** The configuration a hub goes by, and how it takes over another one while it runs. */
export class Reload {
  readonly #options: ReloadOptions
  #loaded: LoadedConfig
  #mode: ReturnType<typeof accessMode>

  constructor(options: ReloadOptions) {
    this.#options = options
    this.#loaded = options.loaded
    this.#mode = accessMode(options.loaded.config)
  }

  /**
   * What would not start changes nothing and is said, problem by problem. A hub that has had credentials never opens:
   * when the last one is taken away, that one is as good as gone, and nobody gets in. Never rejects.
   */
  async run(): Promise<void> {
    const { load, apply, lines } = this.#options
    try {
      const hadCredentials = this.#mode === 'credentials'
      const next = load(hadCredentials)
      const mode = accessMode(next.config)
      const closed = hadCredentials && mode !== 'credentials'
      if (this.#mode === 'open' && mode === 'open to all') throw onlyByStart()
      await apply(next, closed)
      for (const warning of next.warnings) lines.warn(warning)
      lines.info(`reloaded: ${changes(this.#loaded.config.auth, next.config.auth, changedKeys(this.#loaded, next))}`)
      if (closed) lines.error(nobodyGetsIn(next.config))
      this.#loaded = next
      this.#mode = closed ? 'credentials' : mode
    } catch (error) {
      const problems = error instanceof HubError ? error.message : `internal error: ${String(error)}`
      lines.error('the configuration was not reloaded and everything goes on as before:')
      for (const problem of problems.split('\n')) lines.error(`  ${problem}`)
    }
  }
}

function onlyByStart(): HubError {
  return new HubError('invalid-config', 'auth.open is taken over only by a start: stop the hub and start it again.')
}

function nobodyGetsIn(config: Config): string {
  const { publish, subscribe } = config.auth.anonymous
  const but = publish.length + subscribe.length > 0 ? ', but for what auth.anonymous allows' : ''
  return `no credential is left, so nobody gets in${but}: make one with \`${NEW_KEY}\` and reload. A start without one ${startWithoutCredentials(config)}.`
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
  const reloaded = new Set(reloadedKeys().map((key) => key.name))
  const parts = [
    ['keys added ', names(after.keys.filter((key) => !known.has(key.name)))],
    ['keys removed ', names(before.keys.filter((key) => !kept.has(key.name)))],
    ['keys changed ', names(after.keys.filter((key) => known.has(key.name) && !same(key, known.get(key.name))))],
    ['', changed.filter((name) => name !== 'auth.keys' && reloaded.has(name)).join(', ')],
    ['needing a restart: ', changed.filter((name) => !reloaded.has(name)).join(', ')],
  ] as const
  const said = parts.filter(([, what]) => what !== '').map(([title, what]) => title + what)
  return said.length > 0 ? said.join('; ') : 'nothing has changed'
}

function same(a: ConfiguredKey, b: ConfiguredKey | undefined): boolean {
  return Bun.deepEquals(a, b)
}
