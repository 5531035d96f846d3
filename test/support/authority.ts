import { hashOfKey } from '../../src/auth/api-keys.ts'
import { Authority } from '../../src/auth/authority.ts'
import { CredentialError } from '../../src/auth/credential-error.ts'
import type { ApiKeySettings, AuthoritySettings, TokenSettings } from '../../src/auth/settings.ts'
import { HubError } from '../../src/core/errors.ts'
import { type GrantsDocument, NO_GRANTS, parseGrants } from '../../src/core/grants.ts'
import { ManualClock } from './manual-clock.ts'

export const TICKET_SECRET = new Uint8Array(32).fill(7)
export const HMAC_SECRET = 'a-secret-of-at-least-thirty-two-bytes'

export function keyNamed(name: string, key: string, grants: Partial<GrantsDocument>, expires?: number): ApiKeySettings {
  return { name, sha256: hashOfKey(key), grants: parseGrants(grants), expires }
}

export function tokenSettings(settings: Partial<TokenSettings> = {}): TokenSettings {
  return {
    secrets: settings.jwks === undefined ? [HMAC_SECRET] : [],
    jwks: undefined,
    issuer: undefined,
    audience: undefined,
    claim: 'events',
    cookie: undefined,
    ...settings,
  }
}

/** Open unless `settings` say otherwise. */
export function authority(
  settings: Partial<AuthoritySettings> = {},
  { clock = new ManualClock(), previous, reports = [] }: AuthorityDoubles = {},
): Authority {
  return new Authority(
    {
      key: undefined,
      keys: [],
      tokens: undefined,
      anonymous: NO_GRANTS,
      ticketSecret: TICKET_SECRET,
      ...settings,
    },
    { now: () => clock.now(), report: (error) => reports.push(error), previous },
  )
}

interface AuthorityDoubles {
  clock?: ManualClock
  previous?: Authority
  reports?: unknown[]
}

/** `credential-invalid signature`: the code and the check of the refusal that `run` throws or rejects with. */
export async function refusalOf(run: () => unknown): Promise<string> {
  try {
    await run()
  } catch (error) {
    if (error instanceof CredentialError) return `${error.code} ${error.check}`
    if (error instanceof HubError) return `${error.code} ${error.pointer ?? ''}`.trim()
    throw error
  }
  return 'recognised'
}
