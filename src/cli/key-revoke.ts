import { existsSync } from 'node:fs'
import { removeKey } from '../config/key-blocks.ts'
import { DONE } from './exit.ts'
import { CommandFailure } from './failure.ts'
import { HOW_TO_RELOAD } from './reload-hint.ts'
import { editKeys, settingsPath, shownPath } from './settings-file.ts'
import type { Configure } from './verb.ts'

export const configureKeyRevoke: Configure = (command, io, finish) => {
  command.option('--file <file>', 'the file that has it, if not the one serve reads')
  command.action(async (name: string, { file: named }: { file?: string }) => {
    const path = settingsPath(named, io)
    const file = shownPath(path, io.cwd)
    if (!existsSync(path)) {
      throw new CommandFailure(
        `There is no ${file}, so no key ${name} in it. Keys of MCP_SSE_AUTH_KEYS are removed there.`,
        `mcp-sse key revoke ${name} --file <the file that has it>`,
      )
    }
    editKeys(path, io.cwd, (text) => removeKey(text, name, file))
    await io.stdout.write(`${name} was removed from ${file}.\n`)
    await io.stderr.write(
      `mcp-sse: until the hub has read the file again the key still works.\nTry: ${HOW_TO_RELOAD}\n`,
    )
    finish(DONE)
  })
}
