import { createMcpHandler, type McpHttpHandler, type RequestId } from '@modelcontextprotocol/server'
import type { CloseReason } from '../../../core/close-reason.ts'
import { HubError } from '../../../core/errors.ts'
import type { Principal } from '../../../core/principal.ts'
import { authInfoOf } from '../../asking.ts'
import type { Carrier, Lasting } from '../../carrier.ts'
import { STREAM_METHOD } from '../../events/events.ts'
import type { Exchange } from '../../exchange.ts'
import { fullResponse, idOf, refusalResponse } from '../../json-rpc.ts'
import { JSON_WITHIN_MS, streamHeaders } from '../../outboxes.ts'
import type { Changed, Parts } from '../../parts.ts'
import { protocolErrorOf } from '../../refusal.ts'
import { CatalogueServer } from '../../server.ts'
import { stoppingResponse } from '../../stopping.ts'
import { type Acknowledgement, acknowledgementOf } from './acknowledgement.ts'
import { type AskedUris, askedUris, isListen } from './asked-uris.ts'
import { GuardedStreams, isStream } from './guarded-streams.ts'
import { Listen, type ListenHost } from './listen.ts'
import { Listens } from './listens.ts'
import { OpenedStreams } from './opened-streams.ts'

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
  readonly #opened = new OpenedStreams()
  /** Requests that the SDK has not answered yet, and what answers them. */
  readonly #asked = new Map<Request, CatalogueServer>()
  #lastFailure: Error | undefined
  #closed = false

  constructor(parts: Parts) {
    const { plan, outboxes, watching, clock } = parts
    this.#parts = parts
    this.#host = { watching, listens: new Listens(clock), server: plan.catalogue }
    this.#streams = new GuardedStreams(outboxes, plan.report)
    this.#calls = this.#handler((request) => {
      const server = new CatalogueServer(plan, undefined)
      if (request) this.#asked.set(request, server)
      return server
    })
    // Of a request to listen the SDK asks a server for what it can do and never connects it: one does for all.
    const asked = new CatalogueServer(plan, undefined)
    this.#listening = this.#handler(() => asked)
  }

  async post(exchange: Exchange): Promise<Response> {
    const { body } = exchange
    const id = idOf(body)
    if (id !== null && isListen(body)) return this.#listen(exchange, id)
    if (id !== null && isEventStream(body)) return this.#streamEvents(exchange)
    const answer = this.#ask(this.#calls, exchange, body)
    const response = id === null ? await answer : await this.#soon(answer)
    if (response && !isStream(response)) return response
    return this.#streams.guard(exchange, response ?? answer, () => this.#giveUp(exchange.request))
  }

  /** Requests that have no answer yet, about: one whose answer streams may count twice. */
  get calls(): number {
    return this.#asked.size + this.#streams.size
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

  /** Of a call without an answer; what it does is aborted. */
  #giveUp(request: Request): void {
    this.#asked.get(request)?.close().catch(this.#parts.plan.report)
  }

  /** `undefined`: it takes longer than a document may. */
  async #soon(answer: Promise<Response>): Promise<Response | undefined> {
    const { clock, limits } = this.#parts
    const late = Promise.withResolvers<undefined>()
    const stop = clock.every(limits.jsonWithinMs ?? JSON_WITHIN_MS, () => late.resolve(undefined))
    try {
      return await Promise.race([answer, late.promise])
    } finally {
      stop()
    }
  }

  #handler(factory: (request: Request | undefined) => CatalogueServer): McpHttpHandler {
    return createMcpHandler(({ requestInfo }) => factory(requestInfo), {
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

  /**
   * The SDK checks the request and asks for the stream, which then goes past it into an outbox: its own queues without end,
   * and would keep a server for each.
   */
  async #streamEvents(exchange: Exchange): Promise<Response> {
    let stream: Lasting | undefined
    const carrier: Carrier = {
      take: (taken) => {
        stream = taken
      },
    }
    const response = await this.#ask(this.#calls, exchange, exchange.body, carrier)
    if (!stream) return response
    const lasting: Lasting = stream
    // It ends with its credential, and says so: the outbox would be closed under it.
    const principal = { ...exchange.principal, expires: undefined }
    const outbox = this.#parts.outboxes.open({ ...exchange, principal }, false, () => lasting.close())
    lasting.writeInto(outbox)
    this.#opened.add(this.#parts.plan.events?.size ?? 0)
    return new Response(outbox as unknown as BodyInit, { headers: streamHeaders() })
  }

  async #ask(handler: McpHttpHandler, exchange: Exchange, body: unknown, carrier?: Carrier): Promise<Response> {
    if (this.#closed) return stoppingResponse(idOf(body))
    const authInfo = authInfoOf(exchange, carrier)
    const { request } = exchange
    const response = await handler
      .fetch(request, { parsedBody: body, authInfo })
      .finally(() => this.#asked.delete(request))
    if (response.status === CLOSED_REQUEST && this.#closed) return stoppingResponse(idOf(body))
    if (response.status === 500) this.#parts.plan.report(this.#lastFailure ?? new Error('MCP answered 500'))
    if (!isStream(response)) response.headers.set('cache-control', 'no-store')
    return response
  }
}

function isEventStream(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'method' in body && body.method === STREAM_METHOD
}
