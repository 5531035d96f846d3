import { readFileSync, statSync } from 'node:fs'
import { HubError } from '../core/errors.ts'
import { CredentialError } from './credential-error.ts'
import { isLoopbackName } from './host.ts'
import { KeySet, MAX_KEY_SET_BYTES } from './key-set.ts'

/** How long fetched keys are used without asking again: so long a withdrawn key still counts. */
export const KEYS_FRESH_MS = 10 * 60_000
/** How long they are used while the issuer cannot be reached. */
export const KEYS_KEPT_MS = 24 * 3_600_000
/** Least time between two fetches while there are keys: tokens with made-up key ids must not make us ask all the time. */
export const REFETCH_COOLDOWN_MS = 30_000
/** The same while there are none, and every token waits for them. */
export const FIRST_FETCH_COOLDOWN_MS = 2_000
const FETCH_TIMEOUT_MS = 5_000
/** Of the setting, for who knows which variable or line it came from. */
const POINTER = '/auth/jwt/jwks'
/** Least time between two reports of an issuer that cannot be reached. */
const REPORT_EVERY_MS = 10 * 60_000

export interface IssuerKeysOptions {
  /** Milliseconds of the wall clock. */
  now: () => number
  report: (error: unknown) => void
  /** Of one fetch, its body included. */
  timeoutMs?: number
}

/**
 * The keys of the configured issuer: a file, read once, or an URL, fetched when a token needs it. Nothing else is fetched.
 * Not jose's `createRemoteJWKSet` (6.2.17): that one goes by the machine's clock, has no cooldown after a failure and no
 * bound on the answer.
 */
export class IssuerKeys {
  readonly source: string
  readonly #options: IssuerKeysOptions
  readonly #url: URL | undefined
  #current: KeySet | undefined
  #fetching: Promise<void> | undefined
  #fetchedAt = Number.NEGATIVE_INFINITY
  #triedAt = Number.NEGATIVE_INFINITY
  #reportedAt = Number.NEGATIVE_INFINITY
  #failed = false

  /** @throws HubError `invalid-config` for a file that is no JWKS and an URL that is not safe to believe */
  constructor(source: string, options: IssuerKeysOptions) {
    this.source = source
    this.#options = options
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(source)) this.#url = trustedUrl(source)
    else this.#current = readFile(source)
  }

  /** Whether a reload can go on with these: what was fetched stays, a file is read again. */
  get remote(): boolean {
    return this.#url !== undefined
  }

  /** Those known now, without asking for others. */
  get current(): KeySet | undefined {
    return this.#current
  }

  /**
   * What `choose` finds in the keys. The issuer is asked again when it finds nothing, or they are no longer fresh.
   * @throws CredentialError `issuer-unavailable` when it finds nothing and the issuer could not be reached
   */
  async find<T>(choose: (keys: KeySet) => T | undefined | Promise<T | undefined>): Promise<T | undefined> {
    if (this.#url && this.#elapsed(this.#fetchedAt) >= KEYS_FRESH_MS) await this.#refresh(this.#url)
    const keys = this.#current
    const found = keys && (await choose(keys))
    if (found !== undefined || !this.#url) return found
    await this.#refresh(this.#url)
    const again = this.#current && this.#current !== keys ? await choose(this.#current) : undefined
    if (again !== undefined) return again
    if (this.#current && !this.#failed) return undefined
    throw new CredentialError(
      'issuer-unavailable',
      'issuer',
      'The keys of the token issuer cannot be fetched now; ask again in a moment.',
      Math.max(1000, this.#cooldown - this.#elapsed(this.#triedAt)),
    )
  }

  /** What `find` would say at once; `undefined`: it would ask the issuer first, or could not say. */
  known<T>(choose: (keys: KeySet) => T | undefined): { found: T | undefined } | undefined {
    const found = this.#current && choose(this.#current)
    if (!this.#url) return { found }
    const wouldAsk = this.#fetching !== undefined || this.#elapsed(this.#triedAt) >= this.#cooldown
    if (found !== undefined) return wouldAsk && this.#elapsed(this.#fetchedAt) >= KEYS_FRESH_MS ? undefined : { found }
    return wouldAsk || this.#failed || !this.#current ? undefined : { found }
  }

  /** Asks the issuer, unless it was asked just now. Never rejects: `known` says what came of it. */
  async renew(): Promise<void> {
    if (this.#url) await this.#refresh(this.#url)
  }

  get #cooldown(): number {
    return this.#current ? REFETCH_COOLDOWN_MS : FIRST_FETCH_COOLDOWN_MS
  }

  /** One fetch for all that wait; none during the cooldown. */
  async #refresh(url: URL): Promise<void> {
    if (this.#fetching) return this.#fetching
    if (this.#elapsed(this.#triedAt) < this.#cooldown) return
    this.#triedAt = this.#options.now()
    this.#fetching = this.#fetch(url).finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  /** Failing keeps what there is. */
  async #fetch(url: URL): Promise<void> {
    try {
      this.#current = await fetchKeys(url, this.#options.timeoutMs ?? FETCH_TIMEOUT_MS)
      this.#fetchedAt = this.#options.now()
      this.#failed = false
    } catch (error) {
      this.#failed = true
      if (this.#current && this.#elapsed(this.#fetchedAt) >= KEYS_KEPT_MS) this.#current = undefined
      this.#reportFailure(error)
    }
  }

  #reportFailure(error: unknown): void {
    if (this.#elapsed(this.#reportedAt) < REPORT_EVERY_MS) return
    this.#reportedAt = this.#options.now()
    const going = this.#current ? 'tokens are checked with the keys fetched before' : 'no token can be checked'
    // Without a cause: what fetch throws may hold the URL, in which operators put secrets.
    this.#options.report(
      new HubError(
        'issuer-unavailable',
        `The keys at auth.jwt.jwks cannot be fetched (${reasonOf(error)}), so ${going}; check the URL and the issuer.`,
      ),
    )
  }

  /** A clock that was set back makes everything due. */
  #elapsed(since: number): number {
    const passed = this.#options.now() - since
    return passed < 0 ? Number.POSITIVE_INFINITY : passed
  }
}

async function fetchKeys(url: URL, timeoutMs: number): Promise<KeySet> {
  const response = await fetch(url, {
    redirect: 'manual',
    signal: AbortSignal.timeout(timeoutMs),
    // A compressed answer could be small on the way and large in memory.
    headers: { accept: 'application/json, application/jwk-set+json', 'accept-encoding': 'identity' },
    decompress: false,
  })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`it answered ${response.status}`)
  }
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body ?? []) {
    bytes += part.length
    if (bytes > MAX_KEY_SET_BYTES) throw new Error(`it is larger than ${MAX_KEY_SET_BYTES} bytes`)
    parts.push(part)
  }
  return new KeySet(Buffer.concat(parts).toString('utf8'))
}

function trustedUrl(source: string): URL {
  const url = URL.canParse(source) ? new URL(source) : undefined
  if (url && !url.username && !url.password) {
    if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackName(url.hostname))) return url
  }
  throw new HubError(
    'invalid-config',
    'auth.jwt.jwks is the path of a file or an https:// URL without a user (http:// only for this machine).',
    { pointer: POINTER },
  )
}

function readFile(path: string): KeySet {
  try {
    if (statSync(path).size > MAX_KEY_SET_BYTES) throw new Error(`it is larger than ${MAX_KEY_SET_BYTES} bytes`)
    return new KeySet(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new HubError(
      'invalid-config',
      `The file ${JSON.stringify(path)} of auth.jwt.jwks cannot be used (${reasonOf(error)}); it holds the issuer’s public keys as a JWKS.`,
      { pointer: POINTER },
    )
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  if (error.name === 'TimeoutError') return 'it took too long'
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : error.message
}
