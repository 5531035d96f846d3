import { type Host, isLoopbackName } from './host.ts'

/** Where a request comes from, as far as a browser says so. `local`: on localhost, *.localhost, 127.0.0.0/8 or [::1], any port. */
export type OriginClass = 'none' | 'own' | 'listed' | 'local' | 'foreign'

export interface OriginSettings {
  publicUrl: string | undefined
  /** What `CORS_ORIGIN` lists. */
  corsOrigins: readonly string[] | undefined
  /** Its own origin is https then, and never http. */
  tls?: boolean | undefined
}

export interface Origin {
  class: OriginClass
  /** The header, where there is one. */
  text: string | undefined
  /** Whether a cookie counts: a browser adds it by itself, also to what a foreign page asks for. */
  cookies: boolean
}

const NONE: Origin = Object.freeze({ class: 'none', text: undefined, cookies: true })
const WITHOUT_COOKIES: Origin = Object.freeze({ class: 'none', text: undefined, cookies: false })
const FOREIGN: Origin = Object.freeze({ class: 'foreign', text: undefined, cookies: false })

/** Parsed and compared whole, never by prefix: `http://localhost.evil.example` starts like a local one. */
export class Origins {
  readonly #listed: ReadonlySet<string>
  readonly #public: URL | undefined
  readonly #tls: boolean

  constructor({ publicUrl, corsOrigins, tls = false }: OriginSettings) {
    this.#listed = new Set(corsOrigins?.filter((origin) => origin !== '*'))
    this.#public = publicUrl === undefined ? undefined : new URL(publicUrl)
    this.#tls = tls
  }

  /** `navigation`: a person may be sent here by a link on any page. */
  of(headers: Headers, host: Host, navigation: boolean): Origin {
    const text = headers.get('origin')
    if (text === null) return withoutOrigin(headers, navigation)
    const found = this.#classOf(text, host)
    return { class: found, text, cookies: found === 'own' || found === 'listed' }
  }

  #classOf(text: string, host: Host): OriginClass {
    if (text === this.#public?.origin) return 'own'
    const url = parseOrigin(text)
    // Whoever may answer for the name on plain http must not get what the cookie of https may.
    const possible = url && (!this.#tls || url.protocol === 'https:')
    if (possible && isHost(url, host) && url.host !== this.#public?.host) return 'own'
    if (this.#listed.has(text)) return 'listed'
    return url && isLoopbackName(url.hostname) ? 'local' : 'foreign'
  }
}

/** `null` for what is no origin of http(s) in the one form browsers write it in. */
export function parseOrigin(text: string): URL | null {
  const url = URL.parse(text)
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) return null
  return url.origin === text ? url : null
}

/** A proxy that ends TLS leaves no trace of the scheme, so the default port of either counts. */
function isHost(url: URL, host: Host): boolean {
  if (url.host === host.text) return true
  return url.port === '' && url.protocol === 'https:' && host.text === `${url.hostname}:443`
}

/** No Origin is a program, a page's own GET, or an image or link on any page: browsers say which (Fetch Metadata). */
function withoutOrigin(headers: Headers, navigation: boolean): Origin {
  const site = headers.get('sec-fetch-site')
  if (site === null || site === 'same-origin' || site === 'none') return NONE
  if (site !== 'cross-site') return WITHOUT_COOKIES
  const byPerson = headers.get('sec-fetch-mode') === 'navigate' && headers.get('sec-fetch-dest') === 'document'
  return navigation && byPerson ? WITHOUT_COOKIES : FOREIGN
}
