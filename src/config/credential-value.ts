import * as z from 'zod'
import { isTime } from '../core/event-time.ts'
import { isLocalUrlHost } from './host.ts'
import { type About, boolean, patterns, refuse, sentence, tables } from './value.ts'

const MAX_API_KEYS = 1000
const MAX_SECRETS = 16
const LEAST_SECRET_BYTES = 32
const MAX_SECRET_LENGTH = 4096
/** What keys made by `key new` begin with. */
const KEY_PREFIX = 'mcpsse_'
/** RFC 7230 `token`, which is what RFC 6265 makes cookie names of. */
const COOKIE_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/

/** A key that is sent as a bearer token: visible ASCII, and without the two dots by which a JWT is told. */
export function bearerKey() {
  const allowed = '16 to 512 visible ASCII characters without spaces, at most one of them a dot'
  return z
    .string({ error: sentence(allowed) })
    .regex(/^[\x21-\x7e]{16,512}$/, { error: sentence(allowed, MAKE_A_KEY) })
    .refine((text) => text.split('.').length <= 2, { error: sentence(allowed, MAKE_A_KEY) })
    .meta({ allowed, placeholder: '<key>', secret: 'text' } satisfies About)
}

const MAKE_A_KEY = 'Make a good one with: openssl rand -hex 32'

/** Secrets of HS256: commas in a variable, lines in a file. */
export function signingSecrets() {
  const allowed = `a list of 1 to ${MAX_SECRETS} secrets of at least ${LEAST_SECRET_BYTES} bytes each`
  return z
    .unknown()
    .transform((value, context): string[] => {
      const parts: unknown = typeof value === 'string' ? value.split(',').map((part) => part.trim()) : value
      if (!Array.isArray(parts) || parts.length === 0 || parts.length > MAX_SECRETS) return refuse(context, allowed)
      if (!parts.every(isSigningSecret)) return refuse(context, allowed, MAKE_A_KEY)
      return new Set(parts).size === parts.length ? parts : refuse(context, allowed, 'One is there twice.')
    })
    .meta({ allowed, placeholder: '<secrets>', secret: 'lines' } satisfies About)
}

/** RFC 7518 3.2: HS256 takes a key of at least its own 256 bits. */
function isSigningSecret(part: unknown): part is string {
  return typeof part === 'string' && Buffer.byteLength(part) >= LEAST_SECRET_BYTES && part.length <= MAX_SECRET_LENGTH
}

export function apiKeys() {
  const table = z.strictObject({
    name: keyName(),
    sha256: digest(),
    publish: patterns().optional(),
    subscribe: patterns().optional(),
    admin: boolean().optional(),
    metrics: boolean().optional(),
    expires: moment().optional(),
  })
  const allowed = `a list of at most ${MAX_API_KEYS} tables {${Object.keys(table.shape).join(', ')}}`
  const value = tables(table, { allowed, maximum: MAX_API_KEYS })
  return value.meta({ ...value.meta(), secret: 'tables' } satisfies About)
}

/** Why `name` cannot be the name of a key; `undefined` when it can. */
export function keyNameRefusal(name: string): string | undefined {
  if (name.startsWith(KEY_PREFIX)) return 'That is a key; its name is what you call it, such as ci.'
  if (name === 'auth.key') return 'The one key of auth.key has that name.'
  return /^[A-Za-z0-9_.-]{1,64}$/.test(name) ? undefined : ''
}

export const KEY_NAME_ALLOWED = 'a name of 1 to 64 letters, digits and _ . -'

function keyName() {
  return z.string({ error: sentence(KEY_NAME_ALLOWED) }).superRefine((name, context) => {
    const reason = keyNameRefusal(name)
    if (reason !== undefined) refuse(context, KEY_NAME_ALLOWED, reason)
  })
}

function digest() {
  const allowed = 'the SHA-256 of the key as 64 hexadecimal digits, as mcp-sse key new prints it'
  return z
    .string({ error: sentence(allowed) })
    .regex(/^[0-9A-Fa-f]{64}$/, { error: sentence(allowed) })
    .transform((text) => text.toLowerCase())
}

/** A time with its zone, or a date, which is its first moment in UTC; milliseconds since 1970. */
function moment() {
  const allowed = 'a date such as 2026-12-31 (its first moment, UTC) or a time such as 2026-12-31T18:00:00Z'
  return z.unknown().transform((value, context) => parseMoment(value) ?? refuse(context, allowed))
}

/** `undefined` for anything that is no moment. A bare date or time of TOML comes as a Temporal object (Bun 1.4.5). */
export function parseMoment(value: unknown): number | undefined {
  const text = typeof value === 'object' && value !== null ? JSON.stringify(value).replaceAll('"', '') : value
  if (typeof text !== 'string') return undefined
  const whole = /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text
  return isTime(whole) ? Date.parse(whole) : undefined
}

/** Where the public keys of an issuer are. */
export function keySet() {
  const allowed = 'a path, or an https URL (http only on this machine)'
  return z
    .string({ error: sentence(allowed) })
    .min(1, { error: sentence(allowed) })
    .superRefine((text, context) => {
      const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? URL.parse(text) : undefined
      if (url === undefined && !text.includes('\0')) return
      if (!url?.host) refuse(context, allowed)
      else if (url.username || url.password) refuse(context, allowed, 'It is fetched without a user and a password.')
      else if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLocalUrlHost(url.hostname))) {
        refuse(context, allowed, 'Whoever can change an answer on its way could sign tokens.')
      }
    })
    .meta({ allowed, placeholder: '<path|url>' } satisfies About)
}

export function cookieName() {
  const allowed = 'a cookie name such as session or __Host-session'
  return z
    .string({ error: sentence(allowed) })
    .regex(COOKIE_NAME, { error: sentence(allowed) })
    .meta({ allowed, placeholder: '<name>' } satisfies About)
}

/** Text that is compared with a claim of a token, or that names one. */
export function claimText(what: string) {
  return z
    .string({ error: sentence(what) })
    .regex(/^[^\s\p{Cc}](?:[^\p{Cc}]{0,510}[^\s\p{Cc}])?$/u, { error: sentence(what) })
    .meta({ allowed: what, placeholder: '<text>' } satisfies About)
}
