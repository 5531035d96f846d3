import { CredentialError, invalidCredential } from './credential-error.ts'
import { MAX_CREDENTIAL_LENGTH } from './presented.ts'

/** The `typ` of tickets: tokens and tickets are never taken for each other, whatever keys sign them. */
export const TICKET_TYPE = 'mcp-sse-ticket+jwt'

/**
 * What is looked at before the signature is known to be good. Nothing else of a header is used: `jku`, `x5u`, `jwk` and
 * `x5c` would let a token bring its own keys, or make us fetch what it names.
 */
export interface TokenHeader {
  alg: string
  kid: string | undefined
  /** Lower case, without `application/`. */
  typ: string | undefined
}

const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*$/

/** Whether this is meant to be a JWT: API keys made by the hub have no dots. */
export function looksSigned(text: string): boolean {
  return text.split('.', 4).length === 3
}

/** Whether this says that it is a ticket, nothing of which is known to be true. */
export function isTicket(text: string): boolean {
  try {
    return readHeader(text).typ === TICKET_TYPE
  } catch (error) {
    if (error instanceof CredentialError) return false
    throw error
  }
}

/** @throws CredentialError `credential-invalid` */
export function readHeader(token: string): TokenHeader {
  if (token.length > MAX_CREDENTIAL_LENGTH) {
    throw invalidCredential('length', `A token has at most ${MAX_CREDENTIAL_LENGTH} characters; get a smaller one.`)
  }
  const header = COMPACT.test(token) ? parsed(token.slice(0, token.indexOf('.'))) : undefined
  if (!header || typeof header.alg !== 'string' || !isOptionalText(header.kid) || !isOptionalText(header.typ)) {
    throw unreadable()
  }
  if (Object.hasOwn(header, 'crit')) {
    throw invalidCredential('crit', 'This token demands extensions (crit) that are not understood; get one without.')
  }
  // The last character of base64 has unused bits: without this one token could be written in several ways.
  const signature = token.slice(token.lastIndexOf('.') + 1)
  if (Buffer.from(signature, 'base64url').toString('base64url') !== signature) throw unreadable()
  const typ = header.typ?.toLowerCase()
  return { alg: header.alg, kid: header.kid, typ: typ?.startsWith('application/') ? typ.slice(12) : typ }
}

function parsed(segment: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(segment, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

function isOptionalText(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string'
}

function unreadable() {
  return invalidCredential('syntax', 'This token cannot be read as a signed JWT; check that it is whole.')
}
