import { createHash } from 'node:crypto'
import { type CryptoKey, createLocalJWKSet, type JWK } from 'jose'

/** Of a JWKS document, in bytes and keys. Large issuers have about ten keys in 20 KiB. */
export const MAX_KEY_SET_BYTES = 256 * 1024
const MAX_KEYS = 100
/** Keys that are tried for a token that names none. */
const MAX_TRIED = 8

/** Public keys only: a public key is never an HMAC secret, and `none` is no algorithm. */
export const KEY_SET_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const

const KEY_TYPES = new Set(['RSA', 'EC', 'OKP'])

interface PublicKey {
  kid: unknown
  /** SHA-256 over the public members, hexadecimal: the same key has the same one in every set. */
  thumbprint: string
  set: ReturnType<typeof createLocalJWKSet>
}

/** A key of the set that fits a token's header. */
export interface FittingKey {
  thumbprint: string
  key: CryptoKey
}

/** The public keys of an issuer, as one document had them. */
export class KeySet {
  readonly #keys: readonly PublicKey[]

  /** @throws Error whose message says what is wrong with the document, and holds nothing of it */
  constructor(document: string) {
    this.#keys = readKeys(document).map((jwk) => ({
      kid: jwk.kid,
      thumbprint: thumbprintOf(jwk),
      set: createLocalJWKSet({ keys: [jwk] }),
    }))
  }

  get thumbprints(): readonly string[] {
    return this.#keys.map(({ thumbprint }) => thumbprint)
  }

  /** `kid` is compared with those of the set and used for nothing else. At most `MAX_TRIED`. */
  async fitting(alg: string, kid: string | undefined): Promise<FittingKey[]> {
    const found: FittingKey[] = []
    for (const { kid: known, thumbprint, set } of this.#keys) {
      if (kid !== undefined && known !== kid) continue
      try {
        found.push({ thumbprint, key: await set({ alg, ...(kid === undefined ? {} : { kid }) }) })
      } catch {
        // Meant for another algorithm or use, or no key at all: it verifies nothing, and the others still do.
      }
      if (found.length === MAX_TRIED) break
    }
    return found
  }
}

function readKeys(document: string): JWK[] {
  if (document.length > MAX_KEY_SET_BYTES) throw new Error(`it is larger than ${MAX_KEY_SET_BYTES} bytes`)
  let parsed: unknown
  try {
    parsed = JSON.parse(document)
  } catch {
    // The parser's message would quote the document.
    throw new Error('it is not JSON')
  }
  const keys = isObject(parsed) ? parsed.keys : undefined
  if (!Array.isArray(keys) || !keys.every(isObject)) throw new Error('it is not a JWKS, {"keys": […]}')
  if (keys.length > MAX_KEYS) throw new Error(`it has more than ${MAX_KEYS} keys`)
  if (keys.some((key) => 'd' in key || 'k' in key)) {
    throw new Error('it has private or secret keys, which belong to the issuer alone')
  }
  const usable = keys.filter(({ kty, use }) => KEY_TYPES.has(String(kty)) && (use === undefined || use === 'sig'))
  if (usable.length === 0) throw new Error('it has no public key for signatures')
  return usable as JWK[]
}

function thumbprintOf({ kty, crv, n, e, x, y }: JWK): string {
  return createHash('sha256')
    .update(JSON.stringify([kty, crv, n, e, x, y].map((member) => member ?? null)))
    .digest('hex')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
