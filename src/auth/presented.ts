import { invalidCredential } from './credential-error.ts'

/** What a request shows of who asks, not looked at yet. */
export type Presented =
  | { readonly kind: 'none' }
  | { readonly kind: 'bearer' | 'cookie' | 'ticket' | 'key-parameter'; readonly text: string }

/** Where a request may show it. */
export interface PresentedWhere {
  /** `?ticket=` counts: `GET /events…`. */
  ticket: boolean
  /** `?key=` counts: `POST /events/{topic}`. */
  key: boolean
  /** The name of the cookie that counts. */
  cookie: string | undefined
}

/** Of any credential: what is longer is refused before it is looked at. */
export const MAX_CREDENTIAL_LENGTH = 8 * 1024

const NONE: Presented = { kind: 'none' }

/** Visible ASCII: two headers are one value with `, ` in between, whose space does not match. */
const BEARER = /^bearer +([\x21-\x7e]+)$/i

/**
 * The one credential of a request. The cookie is looked at only when there is no other. Empty parameters and cookies are
 * absent. @throws CredentialError `credential-invalid` for a malformed Authorization header, one of another scheme, more
 * than one explicit credential, a parameter or cookie that is there twice, and anything over `MAX_CREDENTIAL_LENGTH`
 */
export function presentedBy(request: Request, where: PresentedWhere): Presented {
  const authorization = request.headers.get('authorization')
  const bearer = authorization === null ? undefined : bearerOf(authorization)
  const query = where.ticket || where.key ? queryOf(request.url) : ''
  const ticket = where.ticket ? parameterOf(query, 'ticket') : undefined
  const key = where.key ? parameterOf(query, 'key') : undefined
  if (Number(bearer !== undefined) + Number(ticket !== undefined) + Number(key !== undefined) > 1) {
    throw invalidCredential(
      'more-than-one',
      'This request shows more than one credential; send either the Authorization header or the parameter.',
    )
  }
  if (bearer !== undefined) return { kind: 'bearer', text: bearer }
  if (ticket !== undefined) return { kind: 'ticket', text: bounded(ticket) }
  if (key !== undefined) return { kind: 'key-parameter', text: bounded(key) }
  const cookies = where.cookie === undefined ? null : request.headers.get('cookie')
  const cookie = where.cookie === undefined || cookies === null ? undefined : cookieOf(cookies, where.cookie)
  return cookie === undefined ? NONE : { kind: 'cookie', text: bounded(cookie) }
}

function bearerOf(authorization: string): string {
  const text = BEARER.exec(bounded(authorization, 'bearer '.length))?.[1]
  if (text !== undefined) return text
  throw invalidCredential(
    'authorization-syntax',
    'This Authorization header is not understood; write it as Authorization: Bearer KEY, with an API key or a token.',
  )
}

function bounded(text: string, room = 0): string {
  if (text.length <= MAX_CREDENTIAL_LENGTH + room) return text
  throw invalidCredential('length', `A credential has at most ${MAX_CREDENTIAL_LENGTH} characters; use a shorter one.`)
}

function queryOf(url: string): string {
  const start = url.indexOf('?')
  return start === -1 ? '' : url.slice(start + 1)
}

function parameterOf(query: string, name: string): string | undefined {
  // Most requests have none; names may be percent-encoded.
  if (!query.includes(name) && !query.includes('%')) return undefined
  const values = new URLSearchParams(query).getAll(name)
  if (values.length > 1) {
    throw invalidCredential('parameter-twice', `The query parameter ${name} is given more than once; send it once.`)
  }
  return values[0] || undefined
}

function cookieOf(header: string, name: string): string | undefined {
  let found: string | undefined
  for (const part of header.split(';')) {
    const equals = part.indexOf('=')
    if (equals === -1 || part.slice(0, equals).trim() !== name) continue
    const value = part.slice(equals + 1).trim()
    // Whoever may set cookies for a neighbouring name could put a second one before the page's own.
    if (found !== undefined) {
      throw invalidCredential('cookie-twice', 'The token’s cookie is there twice; remove one of the two.')
    }
    found = value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
  }
  return found || undefined
}
