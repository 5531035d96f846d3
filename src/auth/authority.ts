import type { CloseReason } from '../core/close-reason.ts'
import { HubError } from '../core/errors.ts'
import { intersectTypes } from '../core/event-type.ts'
import { ALL_GRANTS, type Grants, narrowGrants, sameGrants } from '../core/grants.ts'
import { covers } from '../core/pattern.ts'
import { anonymous, LOCAL, type Principal } from '../core/principal.ts'
import { ApiKeys, requirePublishOnly, requireUnexpiredKey, unknownKey } from './api-keys.ts'
import { CredentialError, invalidCredential } from './credential-error.ts'
import { type Fingerprint, fingerprints } from './fingerprint.ts'
import { looksSigned } from './jws.ts'
import type { Presented } from './presented.ts'
import { resourcesOf } from './resource.ts'
import type { AuthoritySettings } from './settings.ts'
import { type TicketContent, type TicketRequest, Tickets } from './tickets.ts'
import { tokenPrincipal } from './token-principal.ts'
import { Tokens } from './tokens.ts'

export interface AuthorityOptions {
  /** Milliseconds of the wall clock. */
  now: () => number
  /** What the operator should know and no request can be told: an issuer that cannot be reached. */
  report?: (error: unknown) => void
  /** The one before a reload: keys fetched from the same URL stay. */
  previous?: Authority | undefined
}

/** Who uses a ticket, and what the ticket says, before it is narrowed to what its asker may still do. */
interface TicketHolder extends Principal {
  readonly ticket: TicketContent
}

const TICKET = 'ticket/'

/**
 * Who is who. Replaced as a whole by a reload; `ticketSecret` stays the same, since it keys the fingerprints by which
 * `judge` knows the principals of the one before.
 *
 * In open mode the rule knows who asks, since there it goes by the origin alone; only tickets come here, which are always
 * what they say.
 */
export class Authority {
  readonly open: boolean
  readonly #keys: ApiKeys
  readonly #tokens: Tokens | undefined
  readonly #tickets: Tickets
  readonly #anonymous: Principal
  readonly #fingerprint: Fingerprint
  readonly #now: () => number

  /** @throws HubError `invalid-config` */
  constructor(settings: AuthoritySettings, { now, report = () => {}, previous }: AuthorityOptions) {
    const fingerprint = fingerprints(settings.ticketSecret)
    this.#keys = new ApiKeys(settings.key, settings.keys, fingerprint)
    this.#tokens =
      settings.tokens &&
      new Tokens(settings.tokens, {
        now,
        report,
        fingerprint,
        resources: resourcesOf(settings.tokens, settings.publicUrl),
        previous: previous === undefined ? undefined : previous.#tokens,
      })
    this.#tickets = new Tickets(settings.ticketSecret, now)
    this.#anonymous = anonymous({ ...settings.anonymous, admin: false })
    this.#fingerprint = fingerprint
    this.#now = now
    this.open = settings.closed !== true && this.#keys.size === 0 && !this.#tokens
  }

  /**
   * At once for what needs no signature: keys and nothing.
   * @throws (or rejects with) CredentialError `credential-missing`, `credential-invalid`, `credential-expired`,
   * `forbidden` for a `?key=` that may do more than publish, `issuer-unavailable`
   */
  recognise(presented: Presented): Principal | Promise<Principal> {
    switch (presented.kind) {
      case 'none':
        return this.#nobody()
      case 'bearer':
        return this.#key(presented.text) ?? this.#tokenBearer(requireSigned(presented.text))
      case 'cookie':
        return this.#tokenBearer(presented.text)
      case 'ticket':
        return this.#ticketHolder(presented.text)
      case 'key-parameter': {
        const principal = this.#key(presented.text)
        if (principal) return requirePublishOnly(principal)
        throw unknownKey()
      }
    }
  }

  /** Why streams of `principal`, recognised by this or an earlier authority, have to end; `undefined`: they go on. */
  judge(principal: Principal): CloseReason | undefined {
    if (principal.expires !== undefined && this.#now() >= principal.expires) return 'credential-expired'
    const now = isTicketHolder(principal) ? this.#holderNow(principal.ticket) : this.#standing(principal)
    if (!now) return this.#reconnectsAsOther(principal) ? 'grants-changed' : 'credential-revoked'
    if (now.expires !== undefined && this.#now() >= now.expires) return 'credential-expired'
    const same =
      now.id === principal.id && now.expires === principal.expires && sameGrants(now.grants, principal.grants)
    return same ? undefined : 'grants-changed'
  }

  /**
   * Who `principal` is now, recognised by this or an earlier authority, also before a restart; `nobody` any more; or
   * `unknown` while the issuer's keys are needed for it and not there: `inquire` first.
   */
  standing(principal: Principal): Principal | 'nobody' | 'unknown' {
    if (this.#tokens?.knows(principal.credential) === false) return 'unknown'
    const now = this.#standing(principal)
    const isOver = now?.expires !== undefined && this.#now() >= now.expires
    return now?.id === principal.id && !isOver ? now : 'nobody'
  }

  /** Asks the issuer for its keys, unless it was asked just now. Never rejects. */
  async inquire(): Promise<void> {
    await this.#tokens?.issuerKeys?.renew()
  }

  /** Whether what `principal` leaves behind may stay when its request is over: a ticket is a page's, for as long as that is open. */
  isLasting(principal: Principal): boolean {
    return !principal.credential.startsWith(TICKET) && principal.credential !== this.#anonymous.credential
  }

  /** @throws HubError as `Tickets.issue`, and for an asker that is a ticket or has been revoked since it was recognised */
  async issueTicket(asker: Principal, wanted: TicketRequest): Promise<{ ticket: string; expires: number }> {
    if (isTicketHolder(asker)) {
      throw new HubError('forbidden', 'A ticket cannot ask for tickets; ask with the credential it was made with.')
    }
    if (this.judge(asker)) {
      throw invalidCredential('asker', 'What this credential may do has just changed; ask again.')
    }
    return this.#tickets.issue(asker, wanted)
  }

  #key(text: string): Principal | undefined {
    const principal = this.#keys.find(text)
    return principal && requireUnexpiredKey(principal, this.#now())
  }

  #nobody(): Principal {
    const { publish, subscribe } = this.#anonymous.grants
    if (publish.length + subscribe.length > 0) return this.#anonymous
    throw new CredentialError(
      'credential-missing',
      'shown',
      'This server wants to know who asks; send an API key or a token as Authorization: Bearer KEY (streams of browsers: a ticket, POST /tickets).',
    )
  }

  async #tokenBearer(text: string): Promise<Principal> {
    const tokens = this.#requireTokens()
    return tokenPrincipal(await tokens.verify(text), text, tokens.settings.claim, this.#fingerprint)
  }

  #requireTokens(): Tokens {
    if (this.#tokens) return this.#tokens
    throw invalidCredential(
      'configured',
      'This server takes no tokens; send an API key, or configure auth.jwt.secret or auth.jwt.jwks.',
    )
  }

  async #ticketHolder(text: string): Promise<Principal> {
    const ticket = await this.#tickets.open(text)
    // After a restart the keys of the issuer are not there before someone asks for them.
    await this.#tokens?.lookFor(ticket.asker)
    const holder = this.#holderNow(ticket)
    if (!holder) {
      throw invalidCredential(
        'asker',
        'The credential this ticket was made with is no longer accepted; ask POST /tickets for a new one.',
      )
    }
    if (holder.expires === undefined || this.#now() < holder.expires) return holder
    throw new CredentialError(
      'credential-expired',
      'asker',
      'The credential this ticket was made with has expired; ask POST /tickets for a new one.',
    )
  }

  /** With what its asker may do now: a key that is revoked or narrowed takes its tickets with it. */
  #holderNow(ticket: TicketContent): TicketHolder | undefined {
    const asker = this.#credentialNow(ticket.asker)
    if (!asker) return undefined
    return {
      id: ticket.id,
      grants: allows(asker.grants, ticket.grants) ? ticket.grants : narrowGrants(ticket.grants, asker.grants),
      expires: Math.min(ticket.expires, asker.expires ?? Number.POSITIVE_INFINITY),
      credential: TICKET + ticket.asker,
      limited: ticket.id !== LOCAL.id && ticket.id !== this.#anonymous.id,
      ticket,
    }
  }

  /** `principal` as it would be recognised now. */
  #standing(principal: Principal): Principal | undefined {
    const now = this.#credentialNow(principal.credential)
    // What a token says is in the token: that it is trusted is all there is to know.
    return now && 'id' in now ? now : now && principal
  }

  #credentialNow(credential: string): Principal | { grants: Grants; expires?: undefined } | undefined {
    if (this.open) return credential === LOCAL.credential ? LOCAL : undefined
    if (credential === this.#anonymous.credential) {
      const { publish, subscribe } = this.#anonymous.grants
      return publish.length + subscribe.length > 0 ? this.#anonymous : undefined
    }
    return (
      this.#keys.withCredential(credential) ?? (this.#tokens?.trusts(credential) ? { grants: ALL_GRANTS } : undefined)
    )
  }

  /** Whether the same request would be let in again, as someone else. */
  #reconnectsAsOther(principal: Principal): boolean {
    if (isTicketHolder(principal)) return false
    if (this.open) return true
    return principal === LOCAL && this.#anonymous.grants.subscribe.length > 0
  }
}

/**
 * Whether `asked` needs no narrowing, as a ticket whose asker is what it was: narrowing is many times dearer, since it
 * intersects each pattern with each (200 ms for 64 nested wildcards on both sides).
 */
function allows(granted: Grants, asked: Grants): boolean {
  const types = intersectTypes(asked.types, granted.types)
  return (
    types?.length === asked.types.length &&
    types.every(({ text, prefix }) => asked.types.some((type) => type.text === text && type.prefix === prefix)) &&
    asked.subscribe.every((pattern) => granted.subscribe.some((wide) => covers(wide, pattern)))
  )
}

/** What has no dots was meant to be an API key. */
function requireSigned(text: string): string {
  if (looksSigned(text)) return text
  throw unknownKey()
}

function isTicketHolder(principal: Principal): principal is TicketHolder {
  return 'ticket' in principal
}
