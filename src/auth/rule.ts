import { HubError } from '../core/errors.ts'
import { type Host, Hosts } from './host.ts'
import { type Origin, Origins } from './origin.ts'
import { type Presented, presentedBy } from './presented.ts'
import { forwardedFromElsewhere } from './proxy.ts'
import { behindProxy, foreignOrigin, oddHost, unknownHost, unnamedHost } from './rule-refusal.ts'
import type { AccessSettings } from './settings.ts'

/**
 * As far as it decides who may ask: `page` is `/`; `public` needs no credential, and nor does `module` (`/client.js`), which
 * pages of any site import; on `stream` (`/events…`) a ticket counts, on `raw` (`/events/{topic}`) a key in the query; on
 * `mcp` (`/mcp`, `/sse`, `/messages`) a foreign page needs a credential for whatever it asks: a GET there is no reading; `tickets`
 * makes what lets read.
 */
export type RouteKind = 'page' | 'public' | 'module' | 'stream' | 'raw' | 'mcp' | 'tickets' | 'other'

export interface Asked {
  request: Request
  kind: RouteKind
  /** Of a preflight: what the page wants to ask with. */
  method: string
  preflight: boolean
}

/** What the rule says about one request before its credential is looked at. */
export interface Passage {
  refusal: HubError | undefined
  /** Whom `Access-Control-Allow-Origin` names: an origin or `*`; also of a refusal, so that the page can read why. */
  readableBy: string | undefined
  /** Whether that page may send its cookies. */
  withCookies: boolean
  /** The credential that counts. `local` and `onlooker` are open mode's; `nobody` is who needs none. */
  presented: Presented | { kind: 'local' | 'onlooker' | 'nobody' }
}

const NOTHING: Presented = Object.freeze({ kind: 'none' })
const LOCAL: Passage = passage(undefined, { kind: 'local' })
const NOBODY: Passage = passage(undefined, { kind: 'nobody' })

/**
 * Host, proxy, origin, in this order, of any request, before anything of it is read (DESIGN 8). Everything that a setting
 * says is parsed once.
 */
export class Rule {
  readonly #open: boolean
  readonly #everywhere: boolean
  readonly #cookie: string | undefined
  /** `CORS_ORIGIN=*` was set, which is not the same as left out. */
  readonly #anyoneReads: boolean
  readonly #publicReads: boolean
  readonly #anonymousReads: boolean
  readonly #hosts: Hosts
  readonly #origins: Origins

  /** `open`: there are no credentials. */
  constructor(settings: AccessSettings, open: boolean) {
    this.#open = open
    this.#everywhere = settings.open
    this.#cookie = settings.tokens?.cookie
    this.#anyoneReads = settings.corsOrigins?.includes('*') ?? false
    this.#publicReads = this.#anyoneReads || (!open && settings.corsOrigins === undefined)
    this.#anonymousReads = !open && settings.anonymous.subscribe.length > 0
    this.#hosts = new Hosts(settings)
    this.#origins = new Origins(settings)
  }

  /** Whether pages from elsewhere may read without any credential, in open mode. */
  get hasOnlookers(): boolean {
    return this.#open && this.#anyoneReads
  }

  /** Never throws: what is wrong with the request is the passage's `refusal`. */
  pass(asked: Asked): Passage {
    const { headers } = asked.request
    const host = this.#hosts.parse(headers.get('host'))
    if (!host) return refused(oddHost())
    if (this.#open && !this.#answersTo(host)) return refused(unknownHost())
    if (this.#open && !this.#everywhere) {
      const header = forwardedFromElsewhere(headers)
      if (header !== undefined) return refused(behindProxy(header))
    }
    const origin = this.#origins.of(headers, host, asked.kind === 'page' && isReading(asked.method))
    return this.#open ? this.#passOpen(asked, origin) : this.#passWithCredentials(asked, origin, host)
  }

  #answersTo(host: Host): boolean {
    return this.#hosts.knows(host) || (this.#everywhere && this.#hosts.isAddress(host))
  }

  #passOpen(asked: Asked, origin: Origin): Passage {
    const { method } = asked
    const { class: from, text } = origin
    // A ticket is what it says, also here: nobody could see otherwise whether it works.
    if (asked.kind === 'stream' && isReading(method) && asked.request.url.includes('ticket=')) {
      const shown = attempt(() => shownTicket(asked))
      if (shown instanceof HubError) return refused(shown, pageOf(origin))
      if (shown.kind === 'ticket') return passage(pageOf(origin), shown)
    }
    if (from === 'none' || from === 'own') return LOCAL
    if (from === 'listed') return passage(text, { kind: 'local' })
    if (from === 'local') {
      if (isForLocalPages(asked)) return passage(text, { kind: 'local' })
      return refused(foreignOrigin(text, asked, 'open'), text)
    }
    if (this.#anyoneReads && readsEvents(asked)) return passage('*', { kind: 'onlooker' })
    return refused(foreignOrigin(text, asked, 'open'))
  }

  #passWithCredentials(asked: Asked, origin: Origin, host: Host): Passage {
    const { class: from, text } = origin
    const elsewhere = from === 'foreign' || from === 'local'
    const isPublic = asked.kind === 'public' || asked.kind === 'page' || asked.kind === 'module'
    if (isPublic && !elsewhere) return from === 'listed' ? this.#listed(text, { kind: 'nobody' }) : NOBODY
    if (isPublic && (this.#publicReads || asked.kind === 'module') && isReading(asked.method)) {
      return passage(pageOf(origin), { kind: 'nobody' })
    }
    const presented = attempt(() => (asked.preflight ? announced(asked) : this.#presented(asked, origin)))
    if (presented instanceof HubError) return refused(presented, pageOf(origin))
    if (from === 'listed') return this.#listed(text, presented)
    if (!elsewhere) {
      const pages = text !== undefined && presented.kind === 'none' && !isReading(asked.method)
      if (pages && !this.#hosts.knows(host) && !this.#hosts.isAddress(host)) return refused(unnamedHost())
      return passage(undefined, presented)
    }
    const open = readsEvents(asked) && (this.#anyoneReads || this.#anonymousReads)
    if (presented.kind === 'bearer' || presented.kind === 'ticket') return passage(pageOf(origin), presented)
    if (open && presented.kind === 'none') return passage(pageOf(origin), presented)
    return refused(foreignOrigin(text, asked, 'credentials'), from === 'local' ? text : undefined)
  }

  #listed(text: string | undefined, presented: Passage['presented']): Passage {
    return { ...passage(text, presented), withCookies: this.#cookie !== undefined }
  }

  #presented({ request, kind, method }: Asked, { cookies }: Origin): Presented {
    return presentedBy(request, {
      ticket: kind === 'stream' && isReading(method),
      key: kind === 'raw' && method === 'POST',
      cookie: cookies ? this.#cookie : undefined,
    })
  }
}

function isReading(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

function readsEvents({ kind, method }: Asked): boolean {
  return kind !== 'mcp' && isReading(method)
}

/**
 * What any page of this machine may do in open mode: read, publish, speak MCP. Whatever else is served on localhost is often
 * somebody else's page; erasing, ending streams and webhooks take one that the operator has named.
 */
function isForLocalPages({ kind, method }: Asked): boolean {
  if (isReading(method) || kind === 'mcp') return true
  return method === 'POST' && (kind === 'stream' || kind === 'raw' || kind === 'tickets')
}

/** The page a browser may show the answer to; `undefined`: the hub's own, or none. */
function pageOf({ class: from, text }: Origin): string | undefined {
  if (from === 'none' || from === 'own') return undefined
  return from === 'foreign' ? '*' : text
}

/** A preflight carries no credential itself but says that the request will. */
function announced(asked: Asked): Presented {
  const names = (asked.request.headers.get('access-control-request-headers') ?? '').toLowerCase().split(',')
  if (names.some((name) => name.trim() === 'authorization')) return { kind: 'bearer', text: '' }
  return asked.kind === 'stream' && isReading(asked.method) ? shownTicket(asked) : NOTHING
}

function shownTicket({ request }: Asked): Presented {
  return presentedBy(request, { ticket: true, key: false, cookie: undefined })
}

function attempt(present: () => Presented): Presented | HubError {
  try {
    return present()
  } catch (error) {
    if (error instanceof HubError) return error
    throw error
  }
}

function passage(readableBy: string | undefined, presented: Passage['presented']): Passage {
  return { refusal: undefined, readableBy, withCookies: false, presented }
}

function refused(refusal: HubError, readableBy?: string): Passage {
  return { refusal, readableBy, withCookies: false, presented: NOTHING }
}
