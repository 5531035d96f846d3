import * as z from 'zod'
import { HubError } from '../core/errors.ts'
import { parseTypeFilter } from '../core/event-type.ts'
import { isHostName } from './host.ts'
import { type About, boolean, integer, list, path, patterns, refuse, sentence, tables } from './value.ts'

const MAX_FORWARDS = 64
const MOST_AT_ONCE = 8
const MAX_URL = 2048
const MAX_HEADERS = 32
const MAX_HEADER_VALUE = 4096
const MAX_BODY = 64 * 1024
const NAME = /^[A-Za-z0-9_.-]{1,64}$/
/** RFC 9110 `token`. */
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/
/** Visible ASCII with spaces inside: anything else is read differently by different receivers. */
const HEADER_VALUE = /^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/
/** Those of one connection (RFC 9110 7.6.1), of the message's own form, and what who sends it decides. */
const OWN_HEADERS = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** What is sent on to other programs: whole tables are secret, as the URL of a chat's webhook is a password by itself. */
export function forwards() {
  const table = z.strictObject({
    name: name(),
    topic: oneOrMore(patterns()),
    types: types().optional(),
    url: url(),
    headers: headers().optional(),
    body: body().optional(),
    secret: signingSecret().optional(),
    secret_file: path().optional(),
    bearer: bearer().optional(),
    bearer_file: path().optional(),
    private: boolean().optional(),
    at_once: integer({ min: 1, max: MOST_AT_ONCE }).optional(),
  })
  const allowed = `a list of at most ${MAX_FORWARDS} tables {${Object.keys(table.shape).join(', ')}}`
  const value = tables(table, { allowed, maximum: MAX_FORWARDS })
  return value.meta({ ...value.meta(), secret: 'text' } satisfies About)
}

/** Hosts as URLs name them. */
export function hostNames() {
  const allowed = 'a list of host names such as hooks.example.net'
  return list(allowed, (text) => (isHostName(text) ? { value: text.toLowerCase() } : { reason: '' }), {
    least: 0,
  }).meta({ allowed, placeholder: '<hosts>' } satisfies About)
}

const SECRET_ALLOWED = 'whsec_ and the base64 of 24 to 64 bytes'

/** Standard Webhooks; padding may be left out. */
export function isSigningSecret(text: string): boolean {
  const base64 = /^whsec_([A-Za-z0-9+/]+)={0,2}$/.exec(text)?.[1]
  if (base64 === undefined) return false
  const key = Buffer.from(base64, 'base64')
  const exact = key.toString('base64').replace(/=+$/, '') === base64
  return exact && key.length >= 24 && key.length <= 64
}

/** What is wrong with the text of a `secret_file`, as a sentence. */
export function signingSecretRefusal(text: string): string | undefined {
  return isSigningSecret(text) ? undefined : sentence(SECRET_ALLOWED, MAKE_A_SECRET)
}

/** What is wrong with the text of a `bearer_file`, as a sentence. */
export function bearerRefusal(text: string): string | undefined {
  return BEARER.test(text) ? undefined : sentence(BEARER_ALLOWED)
}

const MAKE_A_SECRET = 'Make one with: echo "whsec_$(openssl rand -base64 32)"'
const BEARER = /^[\x21-\x7e]{1,4096}$/
const BEARER_ALLOWED = '1 to 4096 visible ASCII characters without spaces'

function name() {
  const allowed = 'a name of 1 to 64 letters, digits and _ . -'
  return z.string({ error: sentence(allowed) }).regex(NAME, { error: sentence(allowed) })
}

/** One text is a list of one, commas and all. */
function oneOrMore(value: ReturnType<typeof patterns>) {
  const allowed = 'a topic pattern such as sensors/**, or a list of 1 to 64'
  return z.preprocess(
    (given) => (typeof given === 'string' ? [given] : given),
    value.refine((all) => all.length > 0, { error: sentence(allowed) }),
  )
}

function types() {
  const allowed = 'a list of types such as order.paid and prefixes such as order.*'
  return list(allowed, (text) => {
    try {
      parseTypeFilter(text)
      return { value: text }
    } catch (error) {
      if (!(error instanceof HubError)) throw error
      return { reason: error.message }
    }
  })
}

/** Which of them may be sent to is for who sends it to say. */
function url() {
  const allowed = `an http or https URL of at most ${MAX_URL} characters`
  return z.string({ error: sentence(allowed) }).superRefine((text, context) => {
    const parsed = text.length <= MAX_URL ? URL.parse(text) : null
    if (parsed === null || !/^https?:$/.test(parsed.protocol)) refuse(context, allowed)
    else if (parsed.username || parsed.password) {
      refuse(context, allowed, 'A user and a password go into headers: { authorization = "Basic …" }.')
    }
  })
}

function headers() {
  const allowed = `at most ${MAX_HEADERS} headers, each a text of ASCII: { title = "Alarm" }`
  return z.unknown().transform((value, context): Record<string, string> => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(context, allowed)
    const pairs = Object.entries(value)
    if (pairs.length > MAX_HEADERS) return refuse(context, allowed)
    const read = new Map<string, string>()
    for (const [given, text] of pairs) {
      const header = given.toLowerCase()
      if (!HEADER_NAME.test(header)) return refuse(context, allowed, 'One has a name that none can have.')
      if (OWN_HEADERS.has(header) || header.startsWith('webhook-')) {
        return refuse(context, allowed, `The hub writes ${header} itself.`)
      }
      if (read.has(header)) return refuse(context, allowed, `${header} is there twice.`)
      if (typeof text !== 'string' || text.length > MAX_HEADER_VALUE || !HEADER_VALUE.test(text)) {
        return refuse(context, allowed, `The text of ${header} is none, or has other characters.`)
      }
      read.set(header, text)
    }
    return Object.fromEntries(read)
  })
}

function body() {
  const allowed = `a text of 1 to ${MAX_BODY} characters`
  return z
    .string({ error: sentence(allowed) })
    .min(1, { error: sentence(allowed) })
    .max(MAX_BODY, { error: sentence(allowed) })
}

function signingSecret() {
  return z
    .string({ error: sentence(SECRET_ALLOWED) })
    .refine(isSigningSecret, { error: sentence(SECRET_ALLOWED, MAKE_A_SECRET) })
}

function bearer() {
  return z.string({ error: sentence(BEARER_ALLOWED) }).regex(BEARER, { error: sentence(BEARER_ALLOWED) })
}
