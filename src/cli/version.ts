import { version } from '../../package.json'
import { DONE } from './exit.ts'
import type { Configure } from './verb.ts'

export function versionLine(): string {
  return `mcp-sse ${version} (Bun ${Bun.version})`
}

export const configureVersion: Configure = (command, io, finish) => {
  command.option('--json', 'as JSON').action(async ({ json }: { json?: true }) => {
    const line = json ? JSON.stringify({ version, bun: Bun.version }) : versionLine()
    await io.stdout.write(`${line}\n`)
    finish(DONE)
  })
}
