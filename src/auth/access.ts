import type { CloseReason } from '../core/close-reason.ts'
import type { HubError } from '../core/errors.ts'
import { ALL_GRANTS } from '../core/grants.ts'
import { anonymous, LOCAL, type Principal } from '../core/principal.ts'
import { ClientAddresses } from './address.ts'
import { Authority } from './authority.ts'
import { PageTokens } from './page-tokens.ts'
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

/** Open mode's pages that may read and nothing else. */
const LOCAL_READER: Principal = Object.freeze({
  ...LOCAL,
  grants: Object.freeze({ ...ALL_GRANTS, publish: [], admin: false }),
})
const NOBODY = Object.freeze(anonymous())

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
    this.#state = new State(settings, this.#options, this.#state.authority)
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

  get pageTokens(): PageTokens {
    return this.#state.pageTokens
  }

  /** Why a stream of this principal is to end now, recognised by these settings or earlier ones. */
  judge(principal: Principal): CloseReason | undefined {
    return this.#state.authority.judge(principal)
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
      case 'reader':
        return state.reader
      case 'nobody':
        return state.nobody
    }
    const principal = state.authority.recognise(presented)
    if (principal instanceof Promise) return principal.then((found) => state.visitor(found))
    return state.visitor(principal)
  }

  /** Somebody of whom nobody can say now who it is, with no rights. */
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
    return this.recognise(passage)
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
  readonly pageTokens: PageTokens
  readonly local: Visitor
  readonly reader: Visitor
  readonly nobody: Visitor

  constructor(settings: AccessSettings, { now, report }: AccessOptions, previous?: Authority) {
    this.settings = settings
    this.authority = new Authority(settings, previous ? { now, report, previous } : { now, report })
    this.rule = new Rule(settings, this.authority.open)
    this.addresses = new ClientAddresses(settings.trustedProxies)
    this.pageTokens = new PageTokens(settings.ticketSecret)
    this.local = this.visitor(LOCAL)
    this.reader = this.visitor(LOCAL_READER)
    this.nobody = this.visitor(NOBODY)
  }

  visitor(principal: Principal, unavailable?: HubError): Visitor {
    return { principal, state: this, unavailable }
  }
}
