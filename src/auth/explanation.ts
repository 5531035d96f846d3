import { decodeJwt, type JWTPayload } from 'jose'
import { type ErrorCode, HubError } from '../core/errors.ts'
import type { Principal } from '../core/principal.ts'
import type { Authority } from './authority.ts'
import { CredentialError } from './credential-error.ts'
import { isTicket } from './jws.ts'

/** What `token check` says. `claims` only of tokens. */
export type Explanation =
  | { ok: true; kind: 'key' | 'token' | 'ticket'; principal: Principal; claims: JWTPayload | undefined }
  | { ok: false; code: ErrorCode; check: string; message: string }

/** What `text` is as a bearer, or as a ticket if it is one. Of an authority with credentials. Throws nothing it refuses by. */
export async function explain(authority: Authority, text: string): Promise<Explanation> {
  const ticket = isTicket(text)
  try {
    const principal = await authority.recognise({ kind: ticket ? 'ticket' : 'bearer', text })
    const kind = ticket ? 'ticket' : principal.id.startsWith('key:') ? 'key' : 'token'
    return { ok: true, kind, principal, claims: kind === 'token' ? decodeJwt(text) : undefined }
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    const check = error instanceof CredentialError ? error.check : error.code
    return { ok: false, code: error.code, check, message: error.message }
  }
}
