import type { Access, Visitor } from '../auth/access.ts'
import type { TicketRequest } from '../auth/tickets.ts'
import { parseDuration } from '../core/duration.ts'
import { HubError } from '../core/errors.ts'
import type { Grants } from '../core/grants.ts'
import { requireJsonDepth } from '../core/json-depth.ts'
import { didYouMean, quoted } from '../core/suggest.ts'
import { type BodyLimit, readBody } from './body.ts'
import type { ByteRoom } from './byte-room.ts'
import type { Gate } from './gate.ts'
import { jsonAnswer } from './json-answer.ts'
import { mediaTypeOf } from './media-type.ts'
import { parametersOf } from './parameters.ts'
import { visited } from './visitor.ts'

export interface TicketOptions {
  access: Access
  gate: Gate
  bodies: ByteRoom
  bodyTimeoutMs: number
}

const FIELDS = ['topics', 'types', 'sub', 'ttl'] as const

/** 64 topics of 512 bytes and as many types. */
const limit: BodyLimit = {
  bytes: 64 * 1024,
  code: 'body-too-large',
  message: 'A request for a ticket has at most 64 KiB; ask for patterns such as orders/**.',
}

/**
 * `POST /tickets`: `{topics?, types?, sub?, ttl?}` → `{ticket, url, expires}`, what an EventSource shows instead of a
 * header. The answer is the one place where the ticket is written.
 */
export function tickets(options: TicketOptions) {
  return visited('http/tickets').post('/tickets', ({ request, visitor }) => issue(request, visitor, options), {
    parse: 'none',
  })
}

async function issue(
  request: Request,
  visitor: Visitor,
  { access, gate, bodies, bodyTimeoutMs }: TicketOptions,
): Promise<Response> {
  parametersOf(request, [])
  requireReading(visitor.principal.grants)
  const holding = bodies.holding(visitor.principal)
  const body = await readBody(request, { limit, media: mediaTypeOf(request), timeoutMs: bodyTimeoutMs, holding })
  body.release()
  const { principal } = await gate.again(request, visitor)
  const { ticket, expires } = await access.authority.issueTicket(principal, wantedBy(body.text))
  const url = `${originOf(request, access.publicUrl)}/events?ticket=${ticket}`
  return jsonAnswer(JSON.stringify({ ticket, url, expires: new Date(expires).toISOString() }), 201)
}

/** Whoever may read nothing is told before the body is read. @throws HubError `forbidden` */
function requireReading({ subscribe }: Grants): void {
  if (subscribe.length > 0) return
  throw new HubError('forbidden', 'This credential may not read, so it has no use for tickets; use one that may.')
}

/** How the page reached this server: a proxy that ends TLS is seen in the Origin alone. */
function originOf(request: Request, publicUrl: string | undefined): string {
  if (publicUrl !== undefined) return publicUrl.replace(/\/$/, '')
  const reached = new URL(request.url)
  const origin = URL.parse(request.headers.get('origin') ?? '')
  return reached.protocol === 'http:' && origin?.host === reached.host ? origin.origin : reached.origin
}

/** @throws HubError `invalid-json`, `invalid-body` */
function wantedBy(text: string): TicketRequest {
  const value = text.trim() === '' ? {} : parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new HubError('invalid-body', 'A request for a ticket is a JSON object such as {"topics": ["orders/*"]}.')
  }
  for (const name of Object.keys(value)) {
    if (FIELDS.some((field) => field === name)) continue
    const hint = didYouMean(name, FIELDS) || ` It may have ${FIELDS.join(', ')}.`
    throw new HubError('invalid-body', `A request for a ticket has no field ${quoted(name)}.${hint}`)
  }
  const { topics, types, sub, ttl } = value as Record<(typeof FIELDS)[number], unknown>
  return { topics: texts(topics, 'topics'), types: texts(types, 'types'), sub: optionalText(sub), ttlMs: ttlOf(ttl) }
}

function parse(text: string): unknown {
  requireJsonDepth(text, 4)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new HubError('invalid-json', 'The body is not JSON; send an object such as {"topics": ["orders/*"]}.', {
      cause: error,
    })
  }
}

/** None and an empty list are not the same: whoever asks for nothing does not mean everything. */
function texts(value: unknown, name: string): string[] | undefined {
  if (value === undefined) return undefined
  if (Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string')) return value
  throw new HubError('invalid-body', `The ${name} of a ticket are a list of texts that is not empty.`, {
    pointer: `/${name}`,
  })
}

function optionalText(value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  throw new HubError('invalid-body', 'The sub of a ticket is a text.', { pointer: '/sub' })
}

/** Seconds, or a duration such as `10m`. Whether it is short enough is for whoever issues the ticket. */
function ttlOf(value: unknown): number | undefined {
  if (value === undefined) return undefined
  const ms = typeof value === 'number' ? value * 1000 : typeof value === 'string' ? parseDuration(value) : undefined
  if (ms !== undefined && Number.isFinite(ms)) return ms
  throw new HubError('invalid-body', 'The ttl of a ticket is a number of seconds, or a duration such as "10m".', {
    pointer: '/ttl',
  })
}
