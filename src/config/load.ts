import { relative, resolve } from 'node:path'
import { HubError } from '../core/errors.ts'
import { didYouMean } from '../core/suggest.ts'
import { accessWarnings } from './access-combinations.ts'
import { checkValues } from './check.ts'
import { impossibleCombinations } from './combinations.ts'
import { type Config, configFrom, type MachineDefaults } from './config.ts'
import { defaultDataDir, type RunMode } from './data-dir.ts'
import { descriptorLimit } from './descriptors.ts'
import { environmentSettings, parseEnvFile } from './environment.ts'
import { findConfigFile, readConfigFile, readSettingsText } from './file.ts'
import { readForwards } from './forwards.ts'
import { configKeys, type Key } from './keys.ts'
import { readableWarning } from './readable.ts'
import type { Settings } from './schema.ts'
import { type Setting, withoutUrlSecrets } from './setting.ts'
import { tlsProblems } from './tls-combination.ts'
import type { Environment } from './variable.ts'

const MOST_CONNECTIONS = 10_000

export interface ConfigSources {
  mode: RunMode
  env: Environment
  cwd: string
  /** Raw text by key name (`stream.heartbeat`), as given on the command line. */
  flags?: Readonly<Record<string, string>>
  /** `--config`: only this file, which then has to be there. */
  configFile?: string | undefined
  /** `--env-file`: variables of this file count where the environment has none. */
  envFile?: string | undefined
  /**
   * Without credentials nobody is to get in: the hub that runs had some. What must not happen to an open hub is then no
   * reason to go on with a credential that was taken away.
   */
  closed?: boolean
  platform?: NodeJS.Platform
  /** Descriptors this process may open; read from the system if absent. */
  descriptors?: number | undefined
}

/** One key as it came out, for `config print`. */
export interface ConfigEntry {
  key: Key
  /** In the notation of variables, a secret as `(secret)`; `undefined` when the key has no value. */
  value: string | undefined
  origin: string
}

export interface LoadedConfig {
  config: Config
  /** What `config` was made from, by the names of the file. */
  values: Settings
  entries: readonly ConfigEntry[]
  /** Sentences for the person who starts it. */
  warnings: readonly string[]
  /** The file that was read, absolute. */
  file: string | undefined
}

/**
 * Defaults < file < env file < environment < flags.
 * @throws HubError `invalid-config`, with every problem on a line of its own.
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const { env, cwd, flags = {}, closed = false, platform = process.platform } = sources
  const keys = configKeys()
  const problems: string[] = []
  const warnings: string[] = []
  const settings = new Map<string, Setting>()
  const use = (found: readonly Setting[]) => {
    for (const setting of found) settings.set(setting.key, setting)
  }

  const file = sources.configFile === undefined ? findConfigFile(env, cwd) : resolve(cwd, sources.configFile)
  if (file !== undefined) {
    const read = readConfigFile(file, nameOf(file, cwd), keys)
    use(read.settings)
    problems.push(...read.problems)
    warnings.push(...readableSecrets(read.settings, keys, file, nameOf(file, cwd), env))
  }
  if (sources.envFile !== undefined) {
    const name = sources.envFile
    const parsed = parseEnvFile(readSettingsText(resolve(cwd, name), name))
    for (const line of parsed.broken) problems.push(`${name}:${line}: this line is not NAME=value, a comment or empty.`)
    const read = environmentSettings(parsed.env, keys, {
      cwd,
      origin: (variable) => `${name}:${parsed.lines.get(variable)} ${variable}`,
    })
    use(read.settings)
    problems.push(...read.problems)
    const path = resolve(cwd, name)
    const inside = read.settings.filter(({ key }) =>
      keys.some((known) => known.name === key && known.env in parsed.env),
    )
    warnings.push(...read.warnings, ...readableSecrets(inside, keys, path, name, env))
  }
  const fromEnvironment = environmentSettings(env, keys, { cwd })
  use(fromEnvironment.settings)
  problems.push(...fromEnvironment.problems)
  warnings.push(...fromEnvironment.warnings)
  for (const [name, value] of Object.entries(flags)) {
    const key = keys.find((known) => known.name === name)
    if (key?.flag) use([{ key: name, value, origin: key.flag }])
    else problems.push(`There is no flag for ${name}.${didYouMean(name, [...keys.map((known) => known.name)])}`)
  }

  const { values, problems: refused } = checkValues(keys, settings)
  problems.push(...refused)
  if (problems.length > 0) throw new HubError('invalid-config', problems.join('\n'))
  const from = (key: string) => settings.get(key)?.origin ?? 'default'
  const { forwards, ...said } = readForwards(values.forward, { at: from('forward'), cwd, env })
  problems.push(...said.problems)
  warnings.push(...said.warnings)

  const descriptors = 'descriptors' in sources ? sources.descriptors : descriptorLimit(platform)
  const machine: MachineDefaults = {
    dataDir: defaultDataDir(sources.mode, env, platform),
    connections: Math.min(MOST_CONNECTIONS, Math.max(1, Math.floor(0.8 * (descriptors ?? Number.POSITIVE_INFINITY)))),
  }
  const config = configFrom(values, forwards, machine, cwd)
  problems.push(...impossibleCombinations(config, { descriptors, closed }, from), ...tlsProblems(values.tls, from))
  if (problems.length > 0) throw new HubError('invalid-config', problems.join('\n'))

  const computed: Record<string, string> = {
    data_dir: machine.dataDir,
    'limits.connections': String(machine.connections),
  }
  const entries = keys.map((key): ConfigEntry => {
    const given = settings.get(key.name)?.value
    const text = given === undefined || typeof given === 'string' ? given : JSON.stringify(given)
    return {
      key,
      value:
        (text && key.meta.secret ? '(secret)' : text && withoutUrlSecrets(text)) ??
        key.meta.default ??
        computed[key.name],
      origin: from(key.name),
    }
  })
  warnings.push(...accessWarnings(config, from))
  return { config, values, entries, warnings, file }
}

/** A warning when `settings`, all of one file, hold a secret that others can read there. */
function readableSecrets(
  settings: readonly Setting[],
  keys: readonly Key[],
  path: string,
  name: string,
  env: Environment,
): string[] {
  const secret = keys.find(
    ({ name, meta }) =>
      meta.secret !== undefined && meta.secret !== 'tables' && settings.some((setting) => setting.key === name),
  )
  return (secret && [readableWarning(path, name, secret.name, env)])?.filter((line) => line !== undefined) ?? []
}

function nameOf(path: string, cwd: string): string {
  const short = relative(cwd, path)
  return short.startsWith('..') ? path : short
}
