import type { CloseReason } from '../core/close-reason.ts'
import type { HubError } from '../core/errors.ts'
import { ALL_GRANTS } from '../core/grants.ts'
import { anonymous, LOCAL, type Principal } from '../core/principal.ts'
import { ClientAddresses } from './address.ts'
import { Authority } from './authority.ts'
import { parseHost } from './host.ts'
import { PageTokens } from './page-tokens.ts'
import { authorizationServer } from './resource.ts'
import { type Asked, type Passage, Rule } from './rule.ts'
import type { AccessSettings } from './settings.ts'

/** Who asks, as the handlers of a request know it. */
export interface Visitor {
  readonly principal: Principal
  /** The settings it came in by: a reload makes others. */
  readonly state: object
  /** Who may say who it is cannot be asked now: only a stream goes on, to say so in its own way. */
  readonly unavailable: HubError | undefined
}

export interface AccessOptions {
  /** Milliseconds of the wall clock. */
  now: () => number
  /** Failures that no request is to be told of. */
  report: (error: unknown) => void
}

/** A page from elsewhere that open mode lets read, and nothing else. */
const ONLOOKER: Principal = Object.freeze({
  ...LOCAL,
  credential: 'onlooker',
  grants: Object.freeze({ ...ALL_GRANTS, publish: [], admin: false }),
})
/** Of whom nothing is known, without rights. */
export const NOBODY: Principal = Object.freeze(anonymous())

/** Who may reach the server, and who is who: the one thing that is asked, whatever reloads change. */
export class Access {
  readonly #options: AccessOptions
  #state: State

  /** @throws HubError `invalid-config` */
  constructor(settings: AccessSettings, options: AccessOptions) {
    this.#options = options
    this.#state = new State(settings, options)
  }

  /** Counts from now on, or nothing changes. @throws HubError `invalid-config` */
  replace(settings: AccessSettings): void {
    this.prepare(settings)()
  }

  /** The same in two steps. @returns what makes them count, which does not throw. @throws HubError `invalid-config` */
  prepare(settings: AccessSettings): () => void {
    const state = new State(settings, this.#options, this.#state.authority)
    return () => {
      this.#state = state
    }
  }

  get mode(): 'open' | 'credentials' {
    return this.#state.authority.open ? 'open' : 'credentials'
  }

  get authority(): Authority {
    return this.#state.authority
  }

  get publicUrl(): string | undefined {
    return this.#state.settings.publicUrl
  }

  /** Where clients get tokens for this server; `undefined`: nowhere, or nobody says where. */
  get authorizationServer(): string | undefined {
    return this.#state.authorizationServer
  }

  /**
   * Without a last slash, where the client reaches this server: `public_url`, else the name it asked for, which is
   * `undefined` for what is no name.
   */
  urlFor(headers: Headers, remote: string | undefined): string | undefined {
    const { settings, addresses } = this.#state
    if (settings.publicUrl !== undefined) return settings.publicUrl
    const host = parseHost(headers.get('host'))
    return host && new URL(`${settings.tls ? 'https' : addresses.schemeOf(headers, remote)}://${host.text}`).origin
  }

  /** The cookie that may hold a token; `undefined`: none. */
  get cookie(): string | undefined {
    return this.#state.settings.tokens?.cookie
  }

  get pageTokens(): PageTokens {
    return this.#state.pageTokens
  }

  /** Why a stream of this principal is to end now, recognised by these settings or earlier ones. */
  judge(principal: Principal): CloseReason | undefined {
    const { rule, authority } = this.#state
    // A matter of the rule: there is no credential to ask about.
    if (principal === ONLOOKER) return rule.hasOnlookers ? undefined : 'grants-changed'
    return authority.judge(principal)
  }

  /**
   * Whether what `principal` leaves behind may stay when its request is over. Not of pages from elsewhere, and not of
   * everyone who can reach a hub that is open to all: it would send to wherever anybody likes.
   */
  isLasting(principal: Principal): boolean {
    const { authority, settings } = this.#state
    if (principal.credential === ONLOOKER.credential || (authority.open && settings.open)) return false
    return authority.isLasting(principal)
  }

  /** Who a principal of earlier is now, if what it leaves behind may stay; as `Authority.standing`. */
  standing(principal: Principal): Principal | 'nobody' | 'unknown' {
    return this.isLasting(principal) ? this.#state.authority.standing(principal) : 'nobody'
  }

  /** As `Authority.inquire`. */
  inquire(): Promise<void> {
    return this.#state.authority.inquire()
  }

  /** Host, proxy and origin. Never throws. */
  pass(asked: Asked): Passage {
    return this.#state.rule.pass(asked)
  }

  /**
   * Who is behind what was let pass. In open mode and for API keys at once, without a turn of the event loop.
   * @throws HubError `credential-missing`, `credential-invalid`, `credential-expired`, `forbidden`, `issuer-unavailable`
   */
  recognise({ presented }: Passage): Visitor | Promise<Visitor> {
    const state = this.#state
    switch (presented.kind) {
      case 'local':
        return state.local
      case 'onlooker':
        return state.onlooker
      case 'nobody':
        return state.nobody
    }
    const principal = state.authority.recognise(presented)
    if (principal instanceof Promise) return principal.then((found) => state.visitor(found))
    return state.visitor(principal)
  }

  /** Somebody of whom it cannot be said now who it is. */
  unavailable(error: HubError): Visitor {
    return this.#state.visitor(NOBODY, error)
  }

  /**
   * The same visitor, or who it is by what counts now: a body may take half a minute, and the credential it began with may
   * be gone by its end. @throws as `recognise`, and the refusals of `pass`
   */
  again(known: Visitor, asked: Asked): Visitor | Promise<Visitor> {
    const { expires } = known.principal
    if (known.state === this.#state && (expires === undefined || this.#options.now() < expires)) return known
    const passage = this.pass(asked)
    if (passage.refusal) throw passage.refusal
    const found = this.recognise(passage)
    if (!(found instanceof Promise)) return found
    // Another reload may have come while it was asked.
    return found.then((visitor) => (visitor.state === this.#state ? visitor : this.again(visitor, asked)))
  }

  /** Whether who is at the other end of the socket may say things about the request: a trusted proxy. */
  trusts(remote: string | undefined): boolean {
    return this.#state.addresses.trusts(remote)
  }

  /** The client's address as limits count it; '' when they do not. */
  addressOf(headers: Headers, remote: string | undefined): string {
    return this.#state.addresses.of(headers, remote)
  }
}

/** Everything a reload replaces, as one. */
class State {
  readonly settings: AccessSettings
  readonly authority: Authority
  readonly rule: Rule
  readonly addresses: ClientAddresses
  readonly authorizationServer: string | undefined
  readonly pageTokens: PageTokens
  readonly local: Visitor
  readonly onlooker: Visitor
  readonly nobody: Visitor

  constructor(settings: AccessSettings, { now, report }: AccessOptions, previous?: Authority) {
    this.settings = settings
    this.authority = new Authority(settings, previous ? { now, report, previous } : { now, report })
    this.rule = new Rule(settings, this.authority.open)
    this.addresses = new ClientAddresses(settings.trustedProxies)
    this.authorizationServer = authorizationServer(settings.tokens?.issuer)
    this.pageTokens = new PageTokens(settings.ticketSecret)
    this.local = this.visitor(LOCAL)
    this.onlooker = this.visitor(ONLOOKER)
    this.nobody = this.visitor(NOBODY)
  }

  visitor(principal: Principal, unavailable?: HubError): Visitor {
    return { principal, state: this, unavailable }
  }
}
