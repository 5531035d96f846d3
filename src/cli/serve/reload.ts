import type { Config } from '../../config/config.ts'
import { configKeys, reloadedKeys } from '../../config/keys.ts'
import type { LoadedConfig } from '../../config/load.ts'
import type { Settings } from '../../config/schema.ts'
import { HubError } from '../../core/errors.ts'
import type { LogLines } from '../../daemon/log-lines.ts'
import { CommandFailure } from '../failure.ts'
import { nobodyWithoutCredential } from '../first-credential.ts'
import { NEW_KEY, startWithoutCredentials } from '../last-credential.ts'
import { accessMode } from './access-settings.ts'

export interface ReloadOptions {
  loaded: LoadedConfig
  /** Reads all sources again; `closed` as in `ConfigSources`. @throws HubError `invalid-config` */
  load: (closed: boolean) => LoadedConfig
  /**
   * Makes what was read count; `closed`: nobody gets in. It changes nothing when it throws. @returns what counts anew
   * besides settings: files that they name
   */
  apply: (next: LoadedConfig, closed: boolean) => Promise<readonly string[]>
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
      const files = await apply(next, closed)
      for (const warning of next.warnings) lines.warn(warning)
      lines.info(`reloaded: ${this.#changes(next, files)}`)
      if (closed) lines.error(nobodyGetsIn(next.config))
      else if (!hadCredentials && mode === 'credentials') {
        lines.warn(`from now on ${nobodyWithoutCredential(next.config.auth)}`)
      }
      this.#loaded = next
      this.#mode = closed ? 'credentials' : mode
    } catch (error) {
      const expected = error instanceof HubError || error instanceof CommandFailure
      const problems = expected ? error.message : `internal error: ${String(error)}`
      lines.error('the configuration was not reloaded and everything goes on as before:')
      for (const problem of problems.split('\n')) lines.error(`  ${problem}`)
    }
  }

  /** `keys added ci; keys removed old; forwards changed chat; auth.jwt.secret; needs a restart: port`: names, never values. */
  #changes(next: LoadedConfig, files: readonly string[]): string {
    const before = this.#loaded
    const reloaded = new Set(reloadedKeys().map((key) => key.name))
    const atOnce = changedKeys(before, next).filter((name) => reloaded.has(name) && !LISTED.has(name))
    // As long as it runs by something else, however often it is reloaded.
    const later = changedKeys(this.#options.loaded, next).filter((name) => !reloaded.has(name))
    const parts = [
      ...listChanges('keys', before.config.auth.keys, next.config.auth.keys),
      ...listChanges('forwards', before.config.forwards, next.config.forwards),
      ['', [...atOnce, ...files].join(', ')],
      ['needs a restart: ', later.join(', ')],
    ] as const
    const said = parts.filter(([, what]) => what !== '').map(([title, what]) => title + what)
    return said.length > 0 ? said.join('; ') : 'nothing has changed'
  }
}

/** What of them has changed is said item by item. */
const LISTED: ReadonlySet<string> = new Set(['auth.keys', 'forward'])

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

interface Named {
  name: string
}

/** `['keys added ', 'ci, cd']`, also for none. */
function listChanges(what: string, before: readonly Named[], after: readonly Named[]): (readonly [string, string])[] {
  const known = new Map(before.map((item) => [item.name, item]))
  const kept = new Set(after.map((item) => item.name))
  const names = (items: readonly Named[]) => items.map((item) => item.name).join(', ')
  const changed = (item: Named) => known.has(item.name) && !Bun.deepEquals(item, known.get(item.name))
  return [
    [`${what} added `, names(after.filter((item) => !known.has(item.name)))],
    [`${what} removed `, names(before.filter((item) => !kept.has(item.name)))],
    [`${what} changed `, names(after.filter(changed))],
  ]
}
