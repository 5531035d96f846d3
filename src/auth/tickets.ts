import { errors, jwtVerify, SignJWT } from 'jose'
import { HubError } from '../core/errors.ts'
import { parseFilter } from '../core/filter.ts'
import { type Grants, grantsDocument, narrowFilter, parseGrants } from '../core/grants.ts'
import type { Principal } from '../core/principal.ts'
import { CredentialError, invalidCredential } from './credential-error.ts'
import { readHeader, TICKET_TYPE } from './jws.ts'
import { checkSubject } from './token-principal.ts'

export const DEFAULT_TICKET_MS = 3_600_000
export const MIN_TICKET_MS = 1_000
export const MAX_TICKET_MS = 12 * 3_600_000
/** Tickets travel in a query, which has at most 8 KiB, beside what else is asked. */
export const MAX_TICKET_LENGTH = 6 * 1024

export interface TicketRequest {
  /** Patterns; default: everything the asker may read. */
  topics?: readonly string[] | undefined
  types?: readonly string[] | undefined
  /** Whom caps count, `sub:<sub>`; default: the asker. */
  sub?: string | undefined
  ttlMs?: number | undefined
}

/** What a ticket says. It never allows publishing or administration. */
export interface TicketContent {
  /** `Principal.id` of who uses it. */
  id: string
  grants: Grants
  /** `Principal.credential` of who asked for it. */
  asker: string
  /** Milliseconds of the wall clock. */
  expires: number
}

/** Signed and not kept anywhere: a restart changes nothing for them. */
export class Tickets {
  readonly #key: Promise<CryptoKey>
  readonly #now: () => number

  constructor(secret: Uint8Array, now: () => number) {
    this.#key = crypto.subtle.importKey('raw', new Uint8Array(secret), { name: 'HMAC', hash: 'SHA-256' }, false, [
      'sign',
      'verify',
    ])
    this.#now = now
  }

  /**
   * Narrowed to what `asker` may read, and never past its credential.
   * @throws HubError `forbidden` for topics and types outside the asker's grants, `invalid-body`, `invalid-pattern`,
   * `invalid-type`, and `credential-expired`
   */
  async issue(asker: Principal, wanted: TicketRequest): Promise<{ ticket: string; expires: number }> {
    const { patterns, types } = grantsDocumentOf(asker, wanted)
    const id = idOf(asker, wanted.sub)
    const expires = this.#endOf(asker, wanted.ttlMs ?? DEFAULT_TICKET_MS)
    const ticket = await new SignJWT({ sub: id, by: asker.credential, topics: patterns, ...(types ? { types } : {}) })
      .setProtectedHeader({ alg: 'HS256', typ: TICKET_TYPE })
      .setExpirationTime(expires / 1000)
      .sign(await this.#key)
    if (ticket.length <= MAX_TICKET_LENGTH) return { ticket, expires }
    throw new HubError(
      'invalid-body',
      'A ticket for these topics and types is too long for an URL; ask for fewer, or for patterns such as orders/**.',
      { pointer: '/topics' },
    )
  }

  /** @throws CredentialError */
  async open(ticket: string): Promise<TicketContent> {
    const { alg, typ } = readHeader(ticket)
    if (typ !== TICKET_TYPE || alg !== 'HS256') {
      throw invalidCredential(
        'typ',
        'This is no ticket; send it as Authorization: Bearer TOKEN, or ask POST /tickets for one.',
      )
    }
    try {
      const { payload } = await jwtVerify<Record<string, unknown>>(ticket, await this.#key, {
        algorithms: ['HS256'],
        requiredClaims: ['exp'],
        currentDate: new Date(this.#now()),
      })
      const { sub, by, topics, types, exp } = payload as unknown as Content
      const grants = parseGrants({ subscribe: topics, ...(types ? { types } : {}) })
      return { id: sub, grants, asker: by, expires: exp * 1000 }
    } catch (error) {
      if (error instanceof errors.JWTExpired) {
        throw new CredentialError(
          'credential-expired',
          'exp',
          'This ticket has expired; ask POST /tickets for a new one.',
        )
      }
      throw invalidCredential('signature', 'This ticket is not one of this server’s; ask POST /tickets for a new one.')
    }
  }

  #endOf(asker: Principal, ttlMs: number): number {
    if (!(ttlMs >= MIN_TICKET_MS && ttlMs <= MAX_TICKET_MS)) {
      throw new HubError('invalid-body', 'A ticket lives for 1s to 12h; leave ttl out for 1h.', { pointer: '/ttl' })
    }
    const end = Math.floor(Math.min(this.#now() + ttlMs, asker.expires ?? Number.POSITIVE_INFINITY) / 1000) * 1000
    if (end > this.#now()) return end
    throw new CredentialError('credential-expired', 'exp', 'This credential ends now; ask with a new one.')
  }
}

/** Signed by this server, so of this shape. */
interface Content {
  sub: string
  by: string
  topics: string[]
  types?: string[]
  exp: number
}

const NAMED = { patterns: '/topics', types: '/types' }

function grantsDocumentOf({ grants }: Principal, { topics, types }: TicketRequest) {
  const asked = parseAsked(topics ?? [], types ?? [])
  const narrowed = narrowFilter(asked, grants, NAMED)
  const document = grantsDocument({ publish: [], subscribe: narrowed.patterns, types: narrowed.types, admin: false })
  return { patterns: document.subscribe, types: document.types }
}

function parseAsked(topics: readonly string[], types: readonly string[]) {
  try {
    return parseFilter(topics, types, NAMED)
  } catch (error) {
    if (!(error instanceof HubError) || error.code !== 'invalid-query') throw error
    throw new HubError('invalid-body', error.message, { pointer: error.pointer })
  }
}

/** Who may name others: keys are for servers, which ask for their users; a user’s own token is for that user. */
function idOf({ id, grants, credential }: Principal, sub: string | undefined): string {
  if (sub === undefined || `sub:${sub}` === id) return id
  const refusal = checkSubject(sub)
  if (refusal) throw new HubError('invalid-body', `This sub is refused: ${refusal}`, { pointer: '/sub' })
  if (credential === 'open' || credential.startsWith('key:') || grants.admin) return `sub:${sub}`
  throw new HubError(
    'forbidden',
    'This credential may ask for tickets of its own only; leave sub out, or ask with an API key.',
    {
      pointer: '/sub',
    },
  )
}
