import { createHash } from 'node:crypto'
import { type AuthConfig, type Config, FIRST_KEY, hasCredentials } from './config.ts'
import { isLocalUrlHost, isLoopback } from './host.ts'

/** Where a key got its value. */
type From = (key: string) => string

const MAKE_A_KEY = "mcp-sse key new admin --admin --publish '**' --subscribe '**' --save"

/**
 * What would leave a hub open by accident, or locked without anyone having meant it, as sentences. A hub that is `closed`
 * without credentials can do neither.
 */
export function accessProblems(config: Config, from: From, closed = false): string[] {
  const { hosts, auth } = config
  const problems: string[] = []
  const credentials = hasCredentials(auth)
  if (closed && !credentials) return problems
  const reachable = hosts.filter((host) => !isLoopback(host))
  if (reachable.length > 0 && !credentials && !auth.open) {
    problems.push(
      `${from('host')}: host = ${reachable.join(', ')} is no loopback address, so other machines could read and publish everything. Set MCP_SSE_AUTH_KEY to a secret (or make a key: ${MAKE_A_KEY}), or say --auth-open if everyone may.`,
    )
  }
  if (auth.open && credentials) {
    problems.push(
      `${from('auth.open')}: auth.open lets everyone in, and ${from(credentialKey(auth))} sets ${credentialKey(auth)}, which keeps people out. Remove one; auth.anonymous opens single topics.`,
    )
  }
  const { publish, subscribe } = auth.anonymous
  if (!credentials && publish.length + subscribe.length > 0) {
    const key = publish.length > 0 ? 'auth.anonymous.publish' : 'auth.anonymous.subscribe'
    problems.push(
      `${from(key)}: ${key} says what callers without a credential may do, and there are no credentials. Make one (${MAKE_A_KEY}) or remove it.`,
    )
  }
  return [...problems, ...tokenProblems(config, from), ...keyProblems(auth, from)]
}

export function accessWarnings({ publicUrl }: Config, from: From): string[] {
  const url = publicUrl === undefined ? undefined : new URL(publicUrl)
  if (url?.protocol !== 'http:' || isLocalUrlHost(url.hostname)) return []
  return [
    `${from('public_url')}: public_url = ${publicUrl} is not https: everyone on the way can read keys, tickets and events.`,
  ]
}

const AUDIENCE = {
  key: 'auth.jwt.audience (or public_url)',
  variable: 'MCP_SSE_AUTH_JWT_AUDIENCE (or MCP_SSE_PUBLIC_URL)',
}

function tokenProblems({ publicUrl, auth: { jwt } }: Config, from: From): string[] {
  const problems: string[] = []
  const verifies = jwt.secrets.length > 0 || jwt.jwks !== undefined
  if (jwt.jwks !== undefined) {
    const missing = [
      ...(jwt.issuer === undefined ? [{ key: 'auth.jwt.issuer', variable: 'MCP_SSE_AUTH_JWT_ISSUER' }] : []),
      // Tokens for the public URL itself are for nobody else either.
      ...(jwt.audience === undefined && publicUrl === undefined ? [AUDIENCE] : []),
    ]
    if (missing.length > 0) {
      problems.push(
        `${from('auth.jwt.jwks')}: auth.jwt.jwks without ${missing.map(({ key }) => key).join(' and ')} would accept what its issuer made for others. Set ${missing.map(({ variable }) => variable).join(' and ')}.`,
      )
    }
  }
  for (const part of ['cookie', 'issuer', 'audience'] as const) {
    if (jwt[part] === undefined || verifies) continue
    problems.push(
      `${from(`auth.jwt.${part}`)}: auth.jwt.${part} is about tokens, and nothing verifies them. Set MCP_SSE_AUTH_JWT_SECRET (openssl rand -hex 32) or MCP_SSE_AUTH_JWT_JWKS, or remove it.`,
    )
  }
  return problems
}

function keyProblems({ key, keys, makeKey }: AuthConfig, from: From): string[] {
  const problems: string[] = []
  const refuse = (sentence: string) => problems.push(`${from('auth.keys')}: auth.keys ${sentence}`)
  const names = new Set<string>()
  const owners = new Map<string, string>()
  if (key !== undefined) owners.set(createHash('sha256').update(key).digest('hex'), 'auth.key')
  for (const { name, sha256 } of keys) {
    const owner = owners.get(sha256)
    if (names.has(name)) refuse(`has the name "${name}" twice. Rename one, or remove it: mcp-sse key revoke ${name}`)
    else if (owner === 'auth.key') refuse(`has the key of auth.key as "${name}" too. Make another: mcp-sse key new`)
    else if (owner) refuse(`has one sha256 for "${owner}" and "${name}". Make another key: mcp-sse key new ${name}`)
    if (makeKey && name === FIRST_KEY) {
      refuse(`has the name "${name}", which the key of auth.make_key has. Rename it, or turn that off.`)
    }
    names.add(name)
    owners.set(sha256, name)
  }
  return problems
}

/** The first key of the configuration that is a credential. */
function credentialKey({ key, keys, jwt }: AuthConfig): string {
  if (key !== undefined) return 'auth.key'
  if (keys.length > 0) return 'auth.keys'
  if (jwt.secrets.length > 0) return 'auth.jwt.secret'
  return jwt.jwks === undefined ? 'auth.make_key' : 'auth.jwt.jwks'
}
