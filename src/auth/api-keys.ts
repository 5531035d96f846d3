import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { HubError } from '../core/errors.ts'
import { ALL_GRANTS, type Grants } from '../core/grants.ts'
import type { Principal } from '../core/principal.ts'
import { CredentialError, invalidCredential } from './credential-error.ts'
import type { Fingerprint } from './fingerprint.ts'
import type { ApiKeySettings } from './settings.ts'

const PREFIX = 'mcpsse_'
const RANDOM_BYTES = 32

/** `mcpsse_` and 43 characters of base64url; `sha256` is what the configuration holds. The key is nowhere else. */
export function newApiKey(): { key: string; sha256: string } {
  const key = PREFIX + randomBytes(RANDOM_BYTES).toString('base64url')
  return { key, sha256: hashOfKey(key) }
}

/** SHA-256 of the whole key, hexadecimal, lower case. */
export function hashOfKey(key: string): string {
  return digestOf(key).toString('hex')
}

interface KnownKey {
  digest: Buffer
  principal: Principal
}

/** The API keys of a configuration, each with its one principal. */
export class ApiKeys {
  readonly #byHash = new Map<string, KnownKey>()
  readonly #byCredential = new Map<string, Principal>()

  /** @throws HubError `invalid-config` when two are one */
  constructor(single: string | undefined, keys: readonly ApiKeySettings[], fingerprint: Fingerprint) {
    for (const { name, sha256, grants, expires } of keys) this.#add(name, sha256, grants, expires, fingerprint)
    if (single !== undefined) this.#add('auth.key', hashOfKey(single), ALL_GRANTS, undefined, fingerprint)
  }

  get size(): number {
    return this.#byHash.size
  }

  /**
   * Found by its digest, which who does not have the key cannot steer, and compared in constant time.
   * Costs about a microsecond for any text.
   */
  find(text: string): Principal | undefined {
    const digest = digestOf(text)
    const known = this.#byHash.get(digest.toString('hex'))
    return known && timingSafeEqual(known.digest, digest) ? known.principal : undefined
  }

  /** Whose `Principal.credential` this is. */
  withCredential(credential: string): Principal | undefined {
    return this.#byCredential.get(credential)
  }

  #add(name: string, sha256: string, grants: Grants, expires: number | undefined, fingerprint: Fingerprint): void {
    if (this.#byHash.has(sha256)) {
      throw new HubError('invalid-config', `The key ${name} is there twice; take one of the two away.`)
    }
    const credential = fingerprint('key', [sha256])
    const principal = Object.freeze({ id: `key:${name}`, grants, expires, credential, limited: true })
    this.#byHash.set(sha256, { digest: Buffer.from(sha256, 'hex'), principal })
    this.#byCredential.set(credential, principal)
  }
}

/** @throws CredentialError `credential-expired` */
export function requireUnexpiredKey(principal: Principal, now: number): Principal {
  if (principal.expires === undefined || now < principal.expires) return principal
  throw new CredentialError(
    'credential-expired',
    'exp',
    'This API key has expired; make another one with `mcp-sse key new`.',
  )
}

/** A key that stands in an URL is written to logs on its way: only one that can do no more than publish may.  */
export function requirePublishOnly(principal: Principal): Principal {
  const { subscribe, admin, metrics } = principal.grants
  if (subscribe.length === 0 && !admin && !metrics) return principal
  throw new CredentialError(
    'forbidden',
    'key-parameter-grants',
    'Only a key that may do nothing but publish may be a ?key= parameter; send this one as Authorization: Bearer KEY, and replace it, since URLs are written to logs.',
  )
}

export function unknownKey(): CredentialError {
  return invalidCredential(
    'key',
    'This API key is not known here; check that it is whole (`mcp-sse key list` names the known ones), or make one with `mcp-sse key new`.',
  )
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
