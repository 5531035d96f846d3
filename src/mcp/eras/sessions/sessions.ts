import { isInitializeRequest } from '@modelcontextprotocol/server'
import type { CloseReason } from '../../../core/close-reason.ts'
import { LOCAL, type Principal } from '../../../core/principal.ts'
import type { Exchange } from '../../exchange.ts'
import { fullResponse, INVALID_PARAMS, refusalResponse } from '../../json-rpc.ts'
import type { Changed, Parts } from '../../parts.ts'
import { stoppingResponse } from '../../stopping.ts'
import {
  missingSession,
  refusedListening,
  refusedMethod,
  refusedPost,
  refusedVersion,
  unknownSession,
} from './admission.ts'
import { EventStream2024 } from './event-stream-2024.ts'
import { BATCHES_UNTIL, type Posted, readPosted, refused } from './posted.ts'
import { ResumeRoom, type Room } from './resume-store.ts'
import { ownerOf, Session } from './session.ts'
import { SessionTable } from './session-table.ts'
import type { SessionHost, SessionTransport } from './session-transport.ts'
import { StreamableTransport } from './streamable-transport.ts'

/** What all sessions keep for clients that come back. */
const RESUME_BYTES = 32 * 1024 * 1024

/** 2024-11-05 to 2025-11-25: `initialize` opens a session, and everything else belongs to one. */
export class Sessions {
  readonly #parts: Parts
  readonly #table: SessionTable
  readonly #room = new ResumeRoom(RESUME_BYTES)
  readonly #changes = new Set<Changed>()
  #announcing = false
  #closed = false

  constructor(parts: Parts) {
    this.#parts = parts
    this.#table = new SessionTable(parts)
  }

  get size(): number {
    return this.#table.size
  }

  /** Requests that have no answer yet. */
  get calls(): number {
    return this.#table.calls
  }

  /** `POST /mcp` */
  post(exchange: Exchange): Response | Promise<Response> {
    const refusal = refusedPost(exchange.request)
    if (refusal) return refusal
    const posted = readPosted(exchange.body)
    if (posted instanceof Response) return posted
    if (posted.requests.some(({ method }) => method === 'initialize')) return this.#initialize(posted, exchange)
    const transport = this.#streamable(exchange)
    return transport instanceof Response ? transport : this.#receive(transport, posted, exchange)
  }

  /** `GET /mcp` */
  async get(exchange: Exchange): Promise<Response> {
    const refusal = refusedMethod(exchange.request) ?? refusedListening(exchange.request)
    if (refusal) return refusal
    const session = this.#streamable(exchange)
    return session instanceof Response ? session : unlessFull(() => session.transport.listen(exchange))
  }

  /** `DELETE /mcp` */
  async delete(exchange: Exchange): Promise<Response> {
    const session = refusedMethod(exchange.request) ?? this.#streamable(exchange)
    if (session instanceof Response) return session
    session.close('client-gone')
    return new Response(null, { status: 204 })
  }

  /** `GET /sse`: HTTP+SSE of 2024-11-05. */
  async openSse(exchange: Exchange): Promise<Response> {
    const refusal = refusedListening(exchange.request)
    if (refusal) return refusal
    const session = await this.#open(exchange, (host) => new EventStream2024(host.id, host))
    if (session instanceof Response) return session
    const response = unlessFull(() => session.transport.open(exchange))
    if (response.status !== 200) session.close('draining')
    return response
  }

  /** `POST /messages?sessionId=` */
  postMessage(exchange: Exchange, sessionId: string): Response | Promise<Response> {
    const posted = readPosted(exchange.body)
    if (posted instanceof Response) return posted
    const session = this.#table.find(sessionId, exchange.principal)
    if (!isOf(session, EventStream2024)) return unknownSession('GET /sse')
    const begins = posted.requests.some(({ method }) => method === 'initialize')
    if (begins && session.version !== undefined) return refused('This session has begun; open another with GET /sse.')
    session.use(exchange)
    return this.#receive(session, posted, exchange)
  }

  announce(changed: Changed): void {
    this.#changes.add(changed)
    if (!this.#announcing) this.#announce().catch(this.#parts.plan.report)
  }

  async reconsider(judge: (principal: Principal) => CloseReason | undefined): Promise<void> {
    await this.#table.inTurns((session) => {
      const reason = judge(session.principal)
      // A credential that has expired may be followed by a new one; grants are those of each request.
      if (reason && reason !== 'credential-expired' && reason !== 'grants-changed') session.close(reason)
    })
  }

  /** Ends them all; what waits on their streams is still written. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#table.inTurns((session) => session.close('shutdown'))
    this.#table.close()
  }

  async #initialize(posted: Posted, exchange: Exchange): Promise<Response> {
    const [request] = posted.requests
    if (posted.batch) return refused('initialize comes alone, not in an array.')
    if (!isInitializeRequest(request)) {
      const message = 'initialize needs protocolVersion, capabilities and clientInfo with name and version.'
      return refusalResponse({ status: 400, code: INVALID_PARAMS, message, id: request!.id })
    }
    // Whatever session it names: a client that begins again wants a new one (its old one is not known, or forgotten).
    const room = this.#roomOf(exchange.principal)
    const session = await this.#open(exchange, (host) => new StreamableTransport(host.id, host, room))
    if (session instanceof Response) return session
    const response = await this.#receive(session, posted, exchange)
    if (session.version === undefined || exchange.request.signal.aborted) session.close('client-gone')
    return response
  }

  async #open<T extends SessionTransport>(
    exchange: Exchange,
    transport: (host: SessionHost & { id: string }) => T,
  ): Promise<Session<T> | Response> {
    if (this.#closed) return stoppingResponse(null)
    try {
      this.#table.makeRoom(exchange.principal)
    } catch (error) {
      return fullResponse(error)
    }
    const session = new Session(this.#parts, exchange, transport, (ended) => this.#table.remove(ended))
    this.#table.add(session)
    await session.connect()
    return session
  }

  /** In open mode there are no others to leave some to. */
  #roomOf(principal: Principal): Room {
    return principal.credential === LOCAL.credential ? this.#room : this.#room.shareOf(ownerOf(principal))
  }

  /** The session that a request names, used by it. */
  #streamable(exchange: Exchange): Session<StreamableTransport> | Response {
    const { request, principal } = exchange
    const id = request.headers.get('mcp-session-id')
    if (!id) return missingSession(request)
    const session = this.#table.find(id, principal)
    if (!isOf(session, StreamableTransport)) return unknownSession()
    const refusal = refusedVersion(request)
    if (refusal) return refusal
    session.use(exchange)
    return session
  }

  #receive(session: Session, posted: Posted, exchange: Exchange): Response | Promise<Response> {
    if (session.closed) return unknownSession()
    if (posted.batch && (session.version ?? '') > BATCHES_UNTIL) {
      return refused(`MCP ${session.version} has no arrays of messages; send one at a time.`)
    }
    return session.transport.receive(posted, exchange)
  }

  async #announce(): Promise<void> {
    this.#announcing = true
    try {
      // Whatever else changes in this turn is told with it.
      await this.#parts.clock.yield()
      while (this.#changes.size > 0 && !this.#closed) {
        const changes = [...this.#changes]
        this.#changes.clear()
        await this.#table.inTurns((session) => {
          for (const changed of changes) session.announce(changed)
        })
      }
    } finally {
      this.#announcing = false
    }
  }
}

function isOf<T extends SessionTransport>(
  session: Session | undefined,
  kind: abstract new (...parameters: never[]) => T,
): session is Session<T> {
  return session?.transport instanceof kind
}

/** @throws what is not for now */
function unlessFull(open: () => Response): Response {
  try {
    return open()
  } catch (error) {
    return fullResponse(error)
  }
}
