import { signToken } from '../../auth/signed-token.ts'
import { checkSubject } from '../../auth/token-principal.ts'
import { parseDuration } from '../../core/duration.ts'
import { loadFromFlags } from '../config-flags.ts'
import { BAD_CONFIG, DONE } from '../exit.ts'
import { CommandFailure, usageFailure } from '../failure.ts'
import { addGrantFlags, collect, type GrantOptions, grantsOf } from '../grant-flags.ts'
import type { Configure } from '../verb.ts'

interface NewOptions extends GrantOptions {
  sub: string
  ttl: string
  json?: true
}

const EXAMPLE = "mcp-sse token new --sub alice --subscribe 'users/alice/**' --ttl 8h"
const LONGEST_TTL = 365 * 86_400_000

export const configureTokenNew: Configure = (command, io, finish) => {
  addGrantFlags(command)
  command
    .requiredOption('--sub <subject>', 'who it is for: limits count for each subject')
    .option('-t, --type <type>', 'may read only this type, or a prefix such as order.*; may be repeated', collect)
    .option('--ttl <duration>', 'how long it counts', '1h')
    .option('--json', 'print the token and what it may do as JSON')
    .addHelpText('after', `\nExample:\n  ${EXAMPLE}\n`)
  command.action(async (options: NewOptions) => {
    const { publish, subscribe, types, admin } = grantsOf(options, EXAMPLE)
    const ttlMs = parseDuration(options.ttl)
    if (ttlMs === undefined || ttlMs < 1000 || ttlMs > LONGEST_TTL) {
      throw usageFailure(`--ttl is a duration from 1s to 365d, not ${JSON.stringify(options.ttl)}.`, EXAMPLE)
    }
    const refusal = checkSubject(options.sub)
    if (refusal !== undefined) throw usageFailure(`--sub is refused: ${refusal}`, EXAMPLE)
    const { secrets, issuer, audience, claim } = loadFromFlags(command, io).config.auth.jwt
    const [secret] = secrets
    if (secret === undefined) {
      throw new CommandFailure(
        'There is no secret to sign with: the hub and this command take it from auth.jwt.secret.',
        'export MCP_SSE_AUTH_JWT_SECRET=$(openssl rand -hex 32)',
        BAD_CONFIG,
      )
    }
    const now = Date.now()
    const grants = { publish, subscribe, ...(types.length > 0 ? { types } : {}), admin }
    const token = await signToken(secret, { sub: options.sub, grants, issuer, audience }, { now, ttlMs, claim })
    const expires = new Date(now + ttlMs).toISOString()
    await io.stdout.write(`${options.json ? JSON.stringify({ token, sub: options.sub, ...grants, expires }) : token}\n`)
    finish(DONE)
  })
}
