import { resolve } from 'node:path'
import { HubError } from '../core/errors.ts'
import { checkValues } from './check.ts'
import { environmentSettings, parseEnvFile } from './environment.ts'
import { findConfigFile, readConfigFile, readSettingsText } from './file.ts'
import { configKeys } from './keys.ts'
import type { ConfigSources } from './load.ts'

const KEYS = ['port', 'host', 'tls.cert']

/** Where a hub listens that was started with these sources. */
export interface Listening {
  /** 0: only the hub knows. */
  port: number
  /** Without brackets, at least one. */
  hosts: readonly string[]
  tls: boolean
}

/**
 * From the sources of `loadConfig`, but for flags. Nothing else of them counts: what else is wrong in a file says nothing
 * about a hub that has not read it yet. @throws HubError `invalid-config`
 */
export function readListening(sources: Pick<ConfigSources, 'env' | 'cwd' | 'configFile' | 'envFile'>): Listening {
  const { env, cwd, configFile, envFile } = sources
  const all = configKeys()
  const keys = all.filter(({ name }) => KEYS.includes(name))
  const file = configFile === undefined ? findConfigFile(env, cwd) : resolve(cwd, configFile)
  const more = envFile === undefined ? {} : parseEnvFile(readSettingsText(resolve(cwd, envFile), envFile)).env
  const found = [
    ...(file === undefined ? [] : readConfigFile(file, file, all).settings),
    ...environmentSettings(more, keys, { cwd }).settings,
    ...environmentSettings(env, keys, { cwd }).settings,
  ]
  const { values, problems } = checkValues(keys, new Map(found.map((setting) => [setting.key, setting])))
  if (problems.length > 0) throw new HubError('invalid-config', problems.join('\n'))
  return { port: values.port, hosts: values.host, tls: values.tls?.cert !== undefined }
}
