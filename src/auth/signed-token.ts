import { type JWTPayload, SignJWT } from 'jose'
import type { GrantsDocument } from '../core/grants.ts'
import { secretBytes } from './token-secret.ts'

const DEFAULT_GRANTS_CLAIM = 'events'

export interface TokenClaims {
  sub?: string | undefined
  grants: Partial<GrantsDocument>
  issuer?: string | undefined
  audience?: string | undefined
}

/**
 * A JWT, HS256, with `iat` and `exp`. `claim` is the one that holds the grants.
 * @throws HubError `invalid-config` for a secret of less than 32 bytes
 */
export async function signToken(
  secret: string,
  { sub, grants, issuer, audience }: TokenClaims,
  { now, ttlMs, claim = DEFAULT_GRANTS_CLAIM }: { now: number; ttlMs: number; claim?: string },
): Promise<string> {
  const claims: JWTPayload = {
    ...(sub === undefined ? {} : { sub }),
    ...(issuer === undefined ? {} : { iss: issuer }),
    ...(audience === undefined ? {} : { aud: audience }),
    iat: Math.floor(now / 1000),
    exp: Math.floor((now + ttlMs) / 1000),
    [claim]: grants,
  }
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(secretBytes(secret))
}
