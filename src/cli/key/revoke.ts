import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { type Config, FIRST_KEY, hasCredentials, needsFirstKey } from '../../config/config.ts'
import { keyNameRefusal } from '../../config/credential-value.ts'
import { removeKey } from '../../config/key-blocks.ts'
import { HubError } from '../../core/errors.ts'
import { removeFirstKey } from '../../daemon/first-key.ts'
import { loadFromFlags } from '../config-flags.ts'
import { DONE } from '../exit.ts'
import { CommandFailure, usageFailure } from '../failure.ts'
import type { Io } from '../io.ts'
import { NEW_KEY, startWithoutCredentials } from '../last-credential.ts'
import { HOW_TO_RELOAD } from '../reload-hint.ts'
import { editKeys, settingsPath, shownPath } from '../settings-file.ts'
import type { Configure } from '../verb.ts'

export const configureKeyRevoke: Configure = (command, io, finish) => {
  command.option('--env-file <file>', 'read variables from this file where the environment has none')
  command.action(async (name: string, { config: named }: { config?: string }) => {
    // Somebody may have typed the key itself, which is then not to be repeated.
    if (keyNameRefusal(name) !== undefined) {
      throw usageFailure('This is not the name of a key.', 'mcp-sse key list')
    }
    if (name === FIRST_KEY && (await revokedFirstKey(command, io))) return finish(DONE)
    const path = settingsPath(named, io)
    const file = shownPath(path, io.cwd)
    if (!existsSync(path)) {
      throw new CommandFailure(
        `There is no ${file}, so no key ${name} in it. Keys of MCP_SSE_AUTH_KEYS are removed there.`,
        `mcp-sse key revoke ${name} --config <the file that has it>`,
      )
    }
    editKeys(path, io.cwd, (text) => removeKey(text, name, file))
    await io.stdout.write(`${name} was removed from ${file}.\n`)
    const last = lastCredential(() => loadFromFlags(command, io, true).config)
    const again = named === undefined ? NEW_KEY : `${NEW_KEY} --config ${named}`
    await io.stderr.write(
      `mcp-sse: until the hub has read the file again the key still works.\n${last ?? ''}Try: ${last ? `${again}, then ` : ''}${HOW_TO_RELOAD}\n`,
    )
    finish(DONE)
  })
}

/** Whether there was one that the hub had made for itself. @throws HubError */
async function revokedFirstKey(command: Command, io: Io): Promise<boolean> {
  const { auth, dataDir } = loadFromFlags(command, io, true).config
  if (!auth.makeKey || !removeFirstKey(dataDir)) return false
  await io.stdout.write(`${FIRST_KEY} was removed from ${dataDir}.\n`)
  const next = needsFirstKey(auth)
    ? 'mcp-sse: then it makes and prints another, since nothing else is a credential.\n'
    : ''
  await io.stderr.write(
    `mcp-sse: until the hub has read its configuration again the key still works.\n${next}Try: ${HOW_TO_RELOAD}\n`,
  )
  return true
}

/** What to say when none is left in what `load` reads; `undefined`: some are. */
function lastCredential(load: () => Config): string | undefined {
  try {
    const config = load()
    if (hasCredentials(config.auth)) return undefined
    return `mcp-sse: it was the last credential of this configuration. A hub that runs lets nobody in once it has reloaded, and the next start ${startWithoutCredentials(config)}.\n`
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    return `mcp-sse: whether it was the last credential cannot be told, because the configuration is wrong: ${error.message.split('\n')[0]}\n`
  }
}
