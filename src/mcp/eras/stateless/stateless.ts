import { createMcpHandler, type McpHttpHandler, type RequestId } from '@modelcontextprotocol/server'
import type { CloseReason } from '../../../core/close-reason.ts'
import { HubError } from '../../../core/errors.ts'
import type { Principal } from '../../../core/principal.ts'
import { authInfoOf } from '../../asking.ts'
import type { Exchange } from '../../exchange.ts'
import { fullResponse, idOf, refusalResponse } from '../../json-rpc.ts'
import { streamHeaders } from '../../outboxes.ts'
import type { Changed, Parts } from '../../parts.ts'
import { protocolErrorOf } from '../../refusal.ts'
import { CatalogueServer } from '../../server.ts'
import { type Acknowledgement, acknowledgementOf } from './acknowledgement.ts'
import { type AskedUris, askedUris, isListen } from './asked-uris.ts'
import { GuardedStreams } from './guarded-streams.ts'
import { Listen, type ListenHost } from './listen.ts'
import { Listens } from './listens.ts'
import { stoppingResponse } from './stopping.ts'

/** The SDK's answer to a call that was ended under it; nobody else sends it. */
const CLOSED_REQUEST = 499

/**
 * 2026-07-28: no sessions; each request is whole, and says which version it speaks. Dispatch, header checks and frames are
 * the SDK's; who may listen to what, and everything that waits for a socket, is ours.
 */
export class Stateless {
  readonly #parts: Parts
  readonly #calls: McpHttpHandler
  readonly #listening: McpHttpHandler
  readonly #streams: GuardedStreams
  readonly #host: ListenHost
  #lastFailure: Error | undefined
  #closed = false

  constructor(parts: Parts) {
    const { plan, outboxes, watching, clock } = parts
    this.#parts = parts
    this.#host = { watching, listens: new Listens(clock), server: plan.catalogue }
    this.#streams = new GuardedStreams(outboxes, plan.report)
    this.#calls = this.#handler(() => new CatalogueServer(plan, undefined))
    // Of a request to listen the SDK asks a server for what it can do and never connects it: one does for all.
    const asked = new CatalogueServer(plan, undefined)
    this.#listening = this.#handler(() => asked)
  }

  async post(exchange: Exchange): Promise<Response> {
    const { body } = exchange
    const id = idOf(body)
    if (id !== null && isListen(body)) return this.#listen(exchange, id)
    const response = await this.#ask(this.#calls, exchange, body)
    return isStream(response) ? this.#streams.guard(exchange, response) : response
  }

  /** Each that asked for it is told, and no other. */
  announce(changed: Changed): void {
    this.#host.listens.announce(changed).catch(this.#parts.plan.report)
  }

  async reconsider(judge: (principal: Principal) => CloseReason | undefined): Promise<void> {
    await this.#host.listens.reconsider(judge)
  }

  /** Streams end with their last word; calls in flight are aborted, and told so. */
  async close(): Promise<void> {
    this.#closed = true
    this.#streams.closing()
    await this.#host.listens.end('shutdown')
    await this.#calls.close()
    await this.#listening.close()
    await this.#streams.settled()
  }

  #handler(factory: () => CatalogueServer): McpHttpHandler {
    return createMcpHandler(factory, {
      legacy: 'reject',
      // The outboxes keep streams alive, with one timer for all; the hub's places bound how many there are.
      keepAliveMs: 0,
      maxSubscriptions: Number.MAX_SAFE_INTEGER,
      // Refusals of requests come by here too: what was a failure shows in the answer.
      onerror: (error) => {
        this.#lastFailure = error
      },
    })
  }

  async #listen(exchange: Exchange, id: RequestId): Promise<Response> {
    const { report, catalogue } = this.#parts.plan
    const asked = askedUris(exchange.body, { catalogue, report, grants: exchange.principal.grants })
    const response = await this.#ask(this.#listening, exchange, asked.body)
    if (!isStream(response)) return response
    const acknowledged = await acknowledgementOf(response, id)
    try {
      // Not before: first what is wrong with the request itself, which is the SDK's to say.
      if (asked.refusal) throw asked.refusal
      return this.#open(exchange, acknowledged, asked.uris)
    } catch (error) {
      if (error instanceof HubError && error.retryAfterMs !== undefined) return fullResponse(error, id)
      const { code, message } = protocolErrorOf(error, report)
      // As the SDK answers a request to listen with parameters it cannot take.
      return refusalResponse({ status: 200, code, message, id })
    }
  }

  /** A stream that watches something holds its place by its watch. @throws HubError `overloaded`, `draining` */
  #open(exchange: Exchange, acknowledged: Acknowledgement, uris: AskedUris['uris']): Response {
    const listen = new Listen(this.#host, exchange, acknowledged)
    try {
      listen.watch(uris)
      const outbox = this.#parts.outboxes.open(exchange, uris.size === 0, () => listen.stop())
      listen.writeInto(outbox, acknowledged.frame)
      if (acknowledged.empty || this.#closed) listen.ended('shutdown')
      return new Response(outbox as unknown as BodyInit, { headers: streamHeaders() })
    } catch (error) {
      listen.stop()
      throw error
    }
  }

  async #ask(handler: McpHttpHandler, exchange: Exchange, body: unknown): Promise<Response> {
    if (this.#closed) return stoppingResponse(body)
    const response = await handler.fetch(exchange.request, { parsedBody: body, authInfo: authInfoOf(exchange) })
    if (response.status === CLOSED_REQUEST && this.#closed) return stoppingResponse(body)
    if (response.status === 500) this.#parts.plan.report(this.#lastFailure ?? new Error('MCP answered 500'))
    if (!isStream(response)) response.headers.set('cache-control', 'no-store')
    return response
  }
}

function isStream({ headers }: Response): boolean {
  return headers.get('content-type') === 'text/event-stream'
}
