import { explain } from '../../auth/explanation.ts'
import { grantsDocument } from '../../core/grants.ts'
import { loadFromFlags } from '../config-flags.ts'
import { configuredAccess } from '../configured-access.ts'
import { plain } from '../display.ts'
import { DONE } from '../exit.ts'
import { CommandFailure, usageFailure } from '../failure.ts'
import { grantsLine } from '../grant-flags.ts'
import { readText } from '../stdin-lines.ts'
import type { Configure } from '../verb.ts'

const EXAMPLE = 'mcp-sse token check - < token.txt'

export const configureTokenCheck: Configure = (command, io, finish) => {
  command.option('--json', 'as JSON').addHelpText(
    'after',
    `
Reads stdin without an argument, which keeps the token out of ps and the shell's history. Keys and tickets too.

Example:
  ${EXAMPLE}
`,
  )
  command.action(async (given: string | undefined, options: { json?: true }) => {
    const fromStdin = given === undefined || given === '-'
    if (given === undefined && io.stdin.isTerminal) throw usageFailure('There is no token to check.', EXAMPLE)
    const token = (fromStdin ? await readText(io.stdin.read()) : given).trim()
    if (token === '') throw usageFailure('There is no token to check.', EXAMPLE)
    const { authority } = configuredAccess(loadFromFlags(command, io))
    if (authority.open) {
      throw new CommandFailure(
        'This configuration has no credentials, so there is nothing to check a token with.',
        'MCP_SSE_AUTH_JWT_SECRET=<the secret of the hub> mcp-sse token check -',
      )
    }
    const found = await explain(authority, token)
    if (!found.ok) {
      if (options.json) await io.stdout.write(`${JSON.stringify(found)}\n`)
      throw new CommandFailure(
        `${found.message} [${found.code}: ${found.check}]`,
        found.check === 'key' ? 'mcp-sse key list' : "mcp-sse token new --sub <subject> --subscribe '**'",
      )
    }
    const { kind, principal, claims } = found
    const grants = grantsDocument(principal.grants)
    const expires = principal.expires === undefined ? null : new Date(principal.expires).toISOString()
    await io.stdout.write(
      options.json
        ? `${JSON.stringify({ ok: true, kind, principal: principal.id, grants, expires, claims })}\n`
        : `ok: a ${kind} of ${plain(principal.id)}, ${expires === null ? 'without an end' : `until ${expires}`}; may: ${plain(grantsLine(grants))}${grants.types ? `, types ${plain(grants.types.join(' '))}` : ''}\n`,
    )
    finish(DONE)
  })
}
