import { type Command, Option } from 'commander'
import { configKeys, type Key } from '../config/keys.ts'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import type { Io } from './io.ts'

/** Adds one flag for every configuration key, and the two that name files. */
export function addConfigFlags(command: Command): void {
  command
    .option('--config <file>', 'read this file and no other')
    .option('--env-file <file>', 'read variables from this file where the environment has none')
  for (const key of configKeys()) {
    const option = flagOf(key)
    if (option) command.addOption(option.helpGroup(groupOf(key)))
  }
}

/** @param closed as in `ConfigSources`. @throws HubError `invalid-config` */
export function loadFromFlags(command: Command, io: Io, closed = false): LoadedConfig {
  const options = command.opts<Record<string, string | true | undefined>>()
  const flags: Record<string, string> = {}
  for (const key of configKeys()) {
    const option = flagOf(key)
    const value = option && options[option.attributeName()]
    // A switch without a value is on.
    if (value !== undefined) flags[key.name] = String(value)
  }
  const { env, cwd, mode } = io
  const [configFile, envFile] = [text(options.config), text(options.envFile)]
  return loadConfig({ env, cwd, mode, flags, configFile, envFile, closed })
}

function text(value: string | true | undefined): string | undefined {
  return value === true ? undefined : value
}

function flagOf({ flag, env, meta }: Key): Option | undefined {
  if (!flag) return undefined
  const initial = meta.default ?? meta.defaultText
  return new Option(`${flag} ${meta.placeholder}`, `${meta.description} (${env}; default: ${initial})`)
}

function groupOf({ path }: Key): string {
  return path.length === 1 ? 'General:' : `${path[0]}:`.replace(/^./, (letter) => letter.toUpperCase())
}
