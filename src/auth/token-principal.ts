import type { JWTPayload } from 'jose'
import { HubError } from '../core/errors.ts'
import { type Grants, type GrantsDocument, NO_GRANTS, parseGrants } from '../core/grants.ts'
import type { Principal } from '../core/principal.ts'
import { invalidCredential } from './credential-error.ts'
import type { Fingerprint } from './fingerprint.ts'
import type { VerifiedToken } from './tokens.ts'

/** Of each list of a claim with grants: what a request may name (DESIGN 3.1). */
export const MAX_CLAIMED = 64
export const MAX_SUBJECT_LENGTH = 256

const LISTS = ['publish', 'subscribe', 'types'] as const

/**
 * `sub:<sub>`; a token that names nobody is `token:<fingerprint>`, of its own, so that two of them do not share their caps.
 * @throws CredentialError `credential-invalid` for a `sub` or grants that are malformed
 */
export function tokenPrincipal(
  { claims, credential, expires }: VerifiedToken,
  token: string,
  claim: string,
  fingerprint: Fingerprint,
): Principal {
  const grants = Object.hasOwn(claims, claim) ? claimedGrants(claims[claim], claim) : NO_GRANTS
  // Without the signature: an ECDSA signature (r, s) is good as (r, n-s) too, and one token is one principal.
  const unnamed = (): string => fingerprint('token', [token.slice(0, token.lastIndexOf('.'))])
  return { id: subjectOf(claims) ?? unnamed(), grants, expires, credential, limited: true }
}

/** What is wrong with a subject, as a sentence, or `undefined`. */
export function checkSubject(sub: string): string | undefined {
  if (sub === '') return 'a subject has at least one character.'
  if (sub.length > MAX_SUBJECT_LENGTH) return `a subject has at most ${MAX_SUBJECT_LENGTH} characters.`
  // Formats too: one that turns the direction of writing would forge the operator's log line.
  if (/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u.test(sub)) return 'a subject has no control characters.'
  return undefined
}

function subjectOf({ sub }: JWTPayload): string | undefined {
  if (sub === undefined) return undefined
  const refusal = typeof sub === 'string' ? checkSubject(sub) : 'a subject is a text.'
  if (refusal === undefined) return `sub:${sub}`
  throw invalidCredential('sub', `The sub claim of this token is refused: ${refusal}`)
}

/** Unknown members are refused: a misspelt `types` would else let everything be read. */
function claimedGrants(value: unknown, claim: string): Grants {
  const shape = `the claim ${claim} is {"publish": [patterns], "subscribe": [patterns], "types"?: [types], "admin"?: true or false}`
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badGrants(`${shape}.`)
  const document: Record<string, unknown> = { ...value }
  for (const [name, member] of Object.entries(document)) {
    if (name === 'admin' && typeof member === 'boolean') continue
    const isList = LISTS.some((list) => list === name) && Array.isArray(member)
    if (!isList || !member.every((text) => typeof text === 'string')) throw badGrants(`${shape}.`)
    if (member.length > MAX_CLAIMED) throw badGrants(`a list of the claim ${claim} has at most ${MAX_CLAIMED} entries.`)
  }
  try {
    return parseGrants(document as Partial<GrantsDocument>)
  } catch (error) {
    // Its message quotes the pattern, and so a part of the token.
    if (error instanceof HubError) throw badGrants(`${error.pointer} of the claim ${claim} has a malformed entry.`)
    throw error
  }
}

function badGrants(reason: string) {
  return invalidCredential('grants', `The grants of this token cannot be read; ${reason}`)
}
