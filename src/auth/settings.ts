import type { Grants } from '../core/grants.ts'

/** One API key. The key itself is nowhere: only who made it has it. */
export interface ApiKeySettings {
  /** `ci`; its principal is `key:ci`. */
  name: string
  /** SHA-256 of the whole key, hexadecimal, lower case. */
  sha256: string
  grants: Grants
  /** Milliseconds of the wall clock; `undefined`: never. */
  expires: number | undefined
}

export interface TokenSettings {
  /** HS256, at least 32 bytes each: the first signs, all verify. */
  secrets: readonly string[]
  /** Path or URL of a JWKS. Never both empty `secrets` and no `jwks`. */
  jwks: string | undefined
  issuer: string | undefined
  audience: string | undefined
  /** The claim with the grants. */
  claim: string
  /** The cookie that may hold a token; `undefined`: none. */
  cookie: string | undefined
}

/** Who is who. */
export interface AuthoritySettings {
  /** `auth.key`: one key with all grants. */
  key: string | undefined
  keys: readonly ApiKeySettings[]
  tokens: TokenSettings | undefined
  /** What callers without a credential may do once there are credentials; never `admin`. */
  anonymous: Grants
  /** Without credentials nobody is known, instead of everyone being `local`: the last one was taken away by a reload. */
  closed?: boolean | undefined
  /** As in `AccessSettings`: tokens may be meant for what it names. */
  publicUrl?: string | undefined
  /** Signs tickets; survives a restart, so that tickets do. 32 random bytes. */
  ticketSecret: Uint8Array
}

/** Who may reach it, and who is who. Replaced as a whole by a reload. */
export interface AccessSettings extends AuthoritySettings {
  /** `--auth-open`: everyone is `local`, also from other machines. Only without credentials. */
  open: boolean
  /** `https://events.example`, without a path. */
  publicUrl: string | undefined
  /** This server itself ends TLS: nobody reaches it by http. Default false. */
  tls?: boolean | undefined
  /** Names, with or without a port. */
  allowedHosts: readonly string[]
  /** What `CORS_ORIGIN` lists; `undefined`: not set; `['*']`: every page. */
  corsOrigins: readonly string[] | undefined
  /** CIDR ranges or addresses whose forwarded headers count. */
  trustedProxies: readonly string[]
}
