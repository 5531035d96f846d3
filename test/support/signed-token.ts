import { SignJWT } from 'jose'
import type { GrantsDocument } from '../../src/core/grants.ts'
import { registerSecret } from './secrets.ts'

export interface SignedTokenOptions {
  sub?: string
  grants: Partial<GrantsDocument>
  /** Milliseconds from now; default ten minutes. What is before now has ended by its own words. */
  endsInMs?: number
}

/** What a backend with the shared secret gives its users. Searched for from now on. */
export async function signedToken(
  secret: string,
  { sub = 'alice', grants, endsInMs = 600_000 }: SignedTokenOptions,
): Promise<string> {
  const token = await new SignJWT({ events: grants })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setExpirationTime(new Date(Date.now() + endsInMs))
    .sign(new TextEncoder().encode(secret))
  return registerSecret(token, 'a token')
}
