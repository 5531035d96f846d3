import { errors, type JWTPayload, jwtVerify } from 'jose'
import { CredentialError, invalidCredential } from './credential-error.ts'
import type { Fingerprint } from './fingerprint.ts'
import { IssuerKeys } from './issuer-keys.ts'
import { readHeader, TICKET_TYPE, type TokenHeader } from './jws.ts'
import { KEY_SET_ALGORITHMS } from './key-set.ts'
import { withAndWithoutSlash } from './resource.ts'
import type { TokenSettings } from './settings.ts'
import { secretBytes } from './token-secret.ts'

/**
 * How far the issuer's clock may be from this one. Machines that keep time by the network differ by far less than a
 * second, those that do not by any amount; more would only let every token live longer.
 */
export const CLOCK_LEEWAY_S = 10

const ASYMMETRIC = new Set<string>(KEY_SET_ALGORITHMS)
/** Of the types that issuers write, those of tokens for an API. `logout+jwt` and `secevent+jwt` are signed by the same keys. */
const TOKEN_TYPES = new Set(['jwt', 'at+jwt'])

/** A token whose signature and claims are good. */
export interface VerifiedToken {
  claims: JWTPayload
  /** What it was verified with: `Principal.credential`, which is trusted as long as that is. */
  credential: string
  /** Milliseconds of the wall clock: the end of the leeway after `exp`, from when on it is refused. */
  expires: number
}

type Kind = 'secret' | 'jwk'

/** What a token must be, beside signed: by this algorithm, and for one of these; none: for anything. */
interface Accepted {
  alg: string
  audiences: readonly string[]
}

interface Secret {
  key: Promise<CryptoKey>
  credential: string
}

export interface TokensOptions {
  now: () => number
  report: (error: unknown) => void
  fingerprint: Fingerprint
  /** What this server is called, without a last slash: tokens may be for it by these names as well. Default none. */
  resources?: readonly string[] | undefined
  /** Those before a reload: keys fetched from the same URL stay. */
  previous?: Tokens | undefined
}

/** Verifies JWTs with what is configured. The algorithm decides which kind of key is tried, and each kind is pinned to its own. */
export class Tokens {
  readonly settings: TokenSettings
  readonly #now: () => number
  readonly #fingerprint: Fingerprint
  readonly #resources: readonly string[]
  readonly #secrets: readonly Secret[]
  readonly #issuerKeys: IssuerKeys | undefined

  /** @throws HubError `invalid-config` */
  constructor(settings: TokenSettings, { now, report, fingerprint, resources = [], previous }: TokensOptions) {
    this.settings = settings
    this.#now = now
    this.#fingerprint = fingerprint
    this.#resources = resources
    this.#secrets = settings.secrets.map((secret) => ({
      key: importSecret(secretBytes(secret)),
      credential: this.#credential('secret', secret),
    }))
    const before = previous?.issuerKeys
    if (settings.jwks !== undefined) {
      this.#issuerKeys =
        before?.remote && before.source === settings.jwks ? before : new IssuerKeys(settings.jwks, { now, report })
    }
  }

  get issuerKeys(): IssuerKeys | undefined {
    return this.#issuerKeys
  }

  /** @throws CredentialError */
  async verify(token: string): Promise<VerifiedToken> {
    const header = readHeader(token)
    requireTokenType(header)
    const { claims, credential } =
      header.alg === 'HS256' ? await this.#verifySecret(token) : await this.#verifyPublic(token, header)
    const now = Math.floor(this.#now() / 1000)
    if (claims.iat !== undefined && claims.iat > now + CLOCK_LEEWAY_S) {
      throw invalidCredential(
        'iat',
        'This token was issued in the future; check the clocks of its issuer and this server.',
      )
    }
    const expires = Math.min(Math.floor(claims.exp!) + CLOCK_LEEWAY_S, LAST_SECOND) * 1000
    return { claims, credential, expires }
  }

  /** Whether what was verified with `credential` still counts, by the keys known now. */
  trusts(credential: string): boolean {
    if (this.#secrets.some((secret) => secret.credential === credential)) return true
    const keys = this.#issuerKeys?.current
    return keys?.thumbprints.some((thumbprint) => this.#credential('jwk', thumbprint) === credential) ?? false
  }

  /**
   * Asks the issuer for the key of `credential` if it is one and not there, as after a restart.
   * @throws CredentialError `issuer-unavailable`
   */
  async lookFor(credential: string): Promise<void> {
    if (credential.startsWith('jwk:')) await this.#issuerKeys?.find(() => this.trusts(credential) || undefined)
  }

  /** Whether `trusts` would say the same once the issuer was asked, as far as that can be known. */
  knows(credential: string): boolean {
    if (!credential.startsWith('jwk:') || !this.#issuerKeys) return true
    return this.#issuerKeys.known(() => this.trusts(credential) || undefined) !== undefined
  }

  async #verifySecret(token: string): Promise<Pick<VerifiedToken, 'claims' | 'credential'>> {
    if (this.#secrets.length === 0) throw notConfigured('HS256', 'auth.jwt.secret')
    for (const { key, credential } of this.#secrets) {
      const claims = await this.#claims(token, await key, { alg: 'HS256', audiences: this.#audiences('secret') })
      if (claims) return { claims, credential }
    }
    throw badSignature()
  }

  async #verifyPublic(token: string, header: TokenHeader): Promise<Pick<VerifiedToken, 'claims' | 'credential'>> {
    const { alg, kid } = header
    if (!ASYMMETRIC.has(alg)) {
      throw invalidCredential(
        'alg',
        'This token is signed by an algorithm that is not accepted; use HS256, RS256, ES256 or EdDSA.',
      )
    }
    if (!this.#issuerKeys) throw notConfigured(alg, 'auth.jwt.jwks')
    const fitting = await this.#issuerKeys.find(async (keys) => {
      const found = await keys.fitting(alg, kid)
      return found.length > 0 ? found : undefined
    })
    if (!fitting) {
      throw invalidCredential('kid', 'This token is signed with a key its issuer does not publish; get a new token.')
    }
    for (const { key, thumbprint } of fitting) {
      const claims = await this.#claims(token, key, { alg, audiences: this.#audiences('jwk') })
      if (claims) return { claims, credential: this.#credential('jwk', thumbprint) }
    }
    throw badSignature()
  }

  /** `undefined` when the signature is not of this key. @throws CredentialError when it is and a claim is not good */
  async #claims(token: string, key: CryptoKey, { alg, audiences }: Accepted): Promise<JWTPayload | undefined> {
    const { issuer } = this.settings
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [alg],
        requiredClaims: ['exp'],
        clockTolerance: CLOCK_LEEWAY_S,
        currentDate: new Date(this.#now()),
        ...(issuer === undefined ? {} : { issuer }),
        ...(audiences.length === 0 ? {} : { audience: [...audiences, ...withAndWithoutSlash(this.#resources)] }),
      })
      return payload
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) return undefined
      // Not jose's: a key it does not verify with, such as RSA of less than 2048 bits.
      if (!(error instanceof errors.JOSEError)) return undefined
      throw this.#refusal(error, audiences)
    }
  }

  /** jose's errors carry the claims: they go no further. */
  #refusal(error: unknown, audiences: readonly string[]): CredentialError {
    if (error instanceof errors.JWTExpired) {
      return new CredentialError('credential-expired', 'exp', 'This token has expired; get a new one.')
    }
    if (error instanceof errors.JWTClaimValidationFailed) {
      const { issuer } = this.settings
      switch (error.claim) {
        case 'exp':
          return invalidCredential('exp', 'This token has no end; get one with an exp claim, in seconds since 1970.')
        case 'nbf':
          return invalidCredential(
            'nbf',
            'This token is not valid yet; wait, or check the clocks of its issuer and this server.',
          )
        case 'iat':
          return invalidCredential(
            'iat',
            'The iat claim of this token is not a number; get a token with seconds since 1970.',
          )
        case 'iss':
          return invalidCredential(
            'iss',
            `This token is from another issuer; this server takes those with iss ${issuer}.`,
          )
        case 'aud':
          return invalidCredential(
            'aud',
            `This token is for another audience; get one with aud ${audiences.join(' or ')}.`,
          )
      }
    }
    return invalidCredential('syntax', 'This token cannot be read as a signed JWT; get a new one.')
  }

  /**
   * What tokens of this kind have to be for, one of them; none: anything. The keys of an issuer sign for many services. A
   * secret is shared with one backend, whose tokens need no audience until one is configured.
   */
  #audiences(kind: Kind): readonly string[] {
    const { audience } = this.settings
    if (audience !== undefined) return [audience, ...this.#resources]
    return kind === 'jwk' ? this.#resources : []
  }

  /** Who asks is what vouches for it and what it is asked about: another audience or claim is another trust. */
  #credential(kind: Kind, source: string): string {
    const { issuer, claim } = this.settings
    return this.#fingerprint(kind, [source, issuer, claim, ...this.#audiences(kind)])
  }
}

/** The last a Date can hold: claims can say any number. */
const LAST_SECOND = 8_640_000_000_000

function importSecret(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])
}

function requireTokenType({ typ }: TokenHeader): void {
  if (typ === undefined || TOKEN_TYPES.has(typ)) return
  if (typ === TICKET_TYPE) {
    throw invalidCredential('typ', 'This is a ticket; it goes into the URL of a stream, GET /events?ticket=…')
  }
  throw invalidCredential(
    'typ',
    'This token is of a type that is not for requests; get an access token (typ JWT or at+jwt).',
  )
}

function notConfigured(alg: string, key: string): CredentialError {
  return invalidCredential('alg', `This token is signed with ${alg}, for which this server has no key; set ${key}.`)
}

function badSignature(): CredentialError {
  return invalidCredential(
    'signature',
    'The signature of this token is not of a key this server trusts; get a new token.',
  )
}
