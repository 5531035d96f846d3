import { newApiKey } from '../../auth/api-keys.ts'
import type { ConfiguredKey } from '../../config/config.ts'
import { KEY_NAME_ALLOWED, keyNameRefusal, parseMoment } from '../../config/credential-value.ts'
import { addKey, keyBlock } from '../../config/key-blocks.ts'
import { loadConfig } from '../../config/load.ts'
import { parseDuration } from '../../core/duration.ts'
import { HubError } from '../../core/errors.ts'
import { DONE } from '../exit.ts'
import { usageFailure } from '../failure.ts'
import { firstCredential } from '../first-credential.ts'
import { addGrantFlags, type GrantOptions, grantsOf } from '../grant-flags.ts'
import type { Io } from '../io.ts'
import { NEW_KEY } from '../last-credential.ts'
import { HOW_TO_RELOAD } from '../reload-hint.ts'
import { editKeys, settingsPath, shownPath } from '../settings-file.ts'
import type { Configure } from '../verb.ts'

interface NewOptions extends GrantOptions {
  expires?: string
  config?: string
  save?: string | true
  json?: true
}

const EXAMPLES = `
Examples:
  ${NEW_KEY}
  mcp-sse key new wall --subscribe 'public/**' --expires 90d --save
  mcp-sse key new prometheus --metrics --save
  mcp-sse key new admin --publish '**' --subscribe '**' --admin --save

The key is printed once, on stdout, and is nowhere else; the configuration holds only its SHA-256.
`

export const configureKeyNew: Configure = (command, io, finish) => {
  addGrantFlags(command)
  command
    .option('--metrics', 'may read /metrics')
    .option('--expires <when>', 'ends after a duration (90d) or at a date or time')
    .option('--save [file]', 'add it to the configuration file: this one, that of --config, or the one serve reads')
    .option('--json', 'print the key and what it may do as JSON')
    .addHelpText('after', EXAMPLES)
  command.action(async (name: string, options: NewOptions) => {
    const refusal = keyNameRefusal(name)
    if (refusal !== undefined) throw usageFailure(`A key has ${KEY_NAME_ALLOWED}.${refusal && ` ${refusal}`}`, NEW_KEY)
    const { publish, subscribe, admin, metrics } = grantsOf(options, NEW_KEY)
    const { key, sha256 } = newApiKey()
    const grants = { publish, subscribe, admin, metrics }
    const block: ConfiguredKey = { name, sha256, ...grants, expires: expiresOf(options.expires) }
    const path = savePath(options, io)
    const file = path && shownPath(path, io.cwd)
    if (path && file) editKeys(path, io.cwd, (text) => addKey(text, block, file))
    const expires = block.expires === undefined ? null : new Date(block.expires).toISOString()
    const document = { name, key, sha256, ...grants, expires, file: path ?? null }
    await io.stdout.write(`${options.json ? JSON.stringify(document) : key}\n`)
    const first = whetherFirst(block, path, io)
    await io.stderr.write(file ? saved(name, file, first, io.env) : `${notSaved(name)}${first}\n${keyBlock(block)}`)
    finish(DONE)
  })
}

/** The file it is added to, if to any. @throws CommandFailure */
function savePath({ save, config }: NewOptions, io: Pick<Io, 'env' | 'cwd'>): string | undefined {
  const example = `mcp-sse key new NAME … --save --config ${config ?? '<file>'}`
  if (save === undefined) {
    if (config === undefined) return undefined
    throw usageFailure('--config says which file --save adds it to, and there is no --save.', example)
  }
  if (save === true) return settingsPath(config, io)
  if (config === undefined || config === save) return settingsPath(save, io)
  throw usageFailure('--save and --config name two files.', example)
}

/** @throws CommandFailure */
function expiresOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const duration = parseDuration(text)
  const expires = duration === undefined ? parseMoment(text) : Date.now() + duration
  if (expires === undefined) {
    throw usageFailure(
      `--expires is a duration, a date or a time, not ${JSON.stringify(text)}.`,
      'mcp-sse key new NAME … --expires 90d, or --expires 2030-01-01',
    )
  }
  // Above this no Date can say it.
  if (expires > Date.now() && expires <= 8.64e15) return expires
  throw usageFailure(`--expires ${text} is no time ahead of now.`, 'mcp-sse key new NAME … --expires 90d')
}

/** What to say when the key closes a hub that was open, as a line; empty: it does not. `path`: the file it was added to. */
function whetherFirst(block: ConfiguredKey, path: string | undefined, { env, cwd, mode }: Io): string {
  try {
    const { config } = loadConfig({ env, cwd, mode, configFile: path, closed: true })
    const auth = path === undefined ? { ...config.auth, keys: [...config.auth.keys, block] } : config.auth
    const said = firstCredential({ ...config, auth }, block.name)
    return said === undefined ? '' : `mcp-sse: ${said}\n`
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    return `mcp-sse: the configuration is wrong, and a hub does not take it over: ${error.message.split('\n')[0]}\n`
  }
}

function saved(name: string, file: string, first: string, env: Io['env']): string {
  const other = ['MCP_SSE_AUTH_KEYS', 'MCP_SSE_AUTH_KEYS_FILE'].find((variable) => env[variable])
  const hidden = other ? `mcp-sse: ${other} is set and goes before the keys of ${file}.\n` : ''
  return `${hidden}mcp-sse: ${name} is in ${file}. This is the only time its key is shown.\n${first}Try: ${HOW_TO_RELOAD}\n`
}

function notSaved(name: string): string {
  return `mcp-sse: this is the only time the key is shown. The hub knows ${name} when its configuration has this and was reloaded (${HOW_TO_RELOAD}):\n`
}
