import type { Access, Visitor } from '../auth/access.ts'
import { CredentialError } from '../auth/credential-error.ts'
import { checkOf, type Refusals } from '../auth/refusals.ts'
import type { Asked } from '../auth/rule.ts'
import type { CloseReason } from '../core/close-reason.ts'
import { HubError } from '../core/errors.ts'
import type { HubMetrics } from '../core/metrics.ts'
import { corsHeaders, preflightAnswer } from './cors.ts'
import { statusOf } from './problem.ts'
import { requestId } from './request-id.ts'
import { askedBy } from './route.ts'
import { type Visited, visited } from './visitor.ts'

/** The part of Bun's server that knows who is at the other end. */
export interface Addresses {
  requestIP(request: Request): { address: string } | null
}

/** Where every request comes in, and what its handler asks once a body has been read, or when a caller's address counts. */
export class Gate {
  readonly #access: Access

  constructor(access: Access) {
    this.#access = access
  }

  /**
   * First of all plugins, on every request, also those no route takes: host, proxy, origin, credential. What it refuses
   * reaches no other and no byte of its body is read.
   *
   * Elysia 1.4.30 decides by the text of a hook whether it awaits it, and awaits one that returns a call. Without that a
   * token's promise would be taken for an answer. Open mode and API keys return at once and pay one microtask (measured:
   * 0.03 µs, of 0.7 and 1.8 µs for all of this). It also decides by the text what it works out for every request: a hook
   * that hands on its whole context makes it parse cookies and queries, and leaves an idle stream another object.
   */
  plugin() {
    const access = this.#access
    const app = visited('http/gate')
    app.onRequest((context) =>
      enter(access, context.request, context.set, (visitor) => {
        ;(context as unknown as Visited).visitor = visitor
      }),
    )
    return app
  }

  /** Who asks by what counts now; the same visitor, at once, unless something has changed. @throws HubError */
  again(request: Request, visitor: Visitor): Visitor | Promise<Visitor> {
    return this.#access.again(visitor, askedBy(request))
  }

  /** As `requestId`. Of one that is refused or fails: others have none. */
  requestId(request: Request, server: Addresses | null): string {
    return requestId(request, server, this.#access)
  }

  /** The client's address as limits count it. */
  addressOf(request: Request, server: Addresses | null): string {
    return this.#access.addressOf(request.headers, server?.requestIP(request)?.address)
  }
}

type Let = (visitor: Visitor) => void

function enter(
  access: Access,
  request: Request,
  set: { headers: Record<string, unknown> },
  letIn: Let,
): Response | undefined | Promise<undefined> {
  const asked = askedBy(request)
  const passage = access.pass(asked)
  corsHeaders(passage, set.headers)
  if (passage.refusal) throw passage.refusal
  if (asked.preflight) return preflightAnswer()
  const visitor = access.recognise(passage)
  if (visitor instanceof Promise) return settle(access, asked, visitor, letIn)
  letIn(visitor)
  return undefined
}

async function settle(access: Access, asked: Asked, found: Promise<Visitor>, letIn: Let): Promise<undefined> {
  try {
    // By what counts when it is known: a reload may have come while an issuer was asked.
    letIn(await access.again(await found, asked))
  } catch (error) {
    // An EventSource would give up for good on the 503: the stream's route says it as a stream.
    const temporary = error instanceof HubError && error.code === 'issuer-unavailable'
    if (!temporary || asked.kind !== 'stream' || asked.method !== 'GET') throw error
    letIn(access.unavailable(error))
  }
}

/** Nobody in particular is told who to be, not what nobody may do. */
export function refusalFor(error: unknown, visitor: Visitor): unknown {
  if (!(error instanceof HubError) || error.code !== 'forbidden') return error
  // Of a credential that was shown, and refused before anybody was recognised by it.
  if (error instanceof CredentialError) return error
  if (visitor.principal.credential !== 'none') return error
  return new HubError(
    'credential-missing',
    'Without a credential this is not allowed here; send an API key or a token as Authorization: Bearer KEY.',
    { pointer: error.pointer },
  )
}

const LOGGED = new Set([401, 403, 429])

export interface Asker {
  visitor: Visitor
  route: string
  address: () => string
  request: string
}

/** In the metrics. */
export function countRefusal({ httpErrors }: Pick<HubMetrics, 'httpErrors'>, error: unknown): void {
  const code = error instanceof HubError ? error.code : 'internal'
  httpErrors.add(String(statusOf[code]), code)
}

/** For the operator: which check failed, where and for whom. */
export function noteRefusal(refusals: Refusals, error: unknown, asker: Asker): void {
  if (!(error instanceof HubError)) return
  const refusal = { ...refusalOf(asker), code: error.code, check: checkOf(error) }
  if (LOGGED.has(statusOf[error.code])) refusals.note(refusal)
  else refusals.detail(refusal)
}

/** The same of a stream that is told to come back. */
export function noteRefusedStream(refusals: Refusals, reason: CloseReason, asker: Asker): void {
  refusals.note({ ...refusalOf(asker), code: reason, check: undefined })
}

/** The same of a message to MCP that is refused in MCP's own words. */
export function noteRefusedMessage(refusals: Refusals, status: number, asker: Asker): void {
  const refusal = { ...refusalOf(asker), code: `http-${status}` as const, check: undefined }
  if (LOGGED.has(status) || status === 500) refusals.note(refusal)
  else refusals.detail(refusal)
}

function refusalOf({ visitor, route, address, request }: Asker) {
  const { id } = visitor.principal
  return { route, address, request, principal: id === 'anonymous' ? undefined : id }
}
