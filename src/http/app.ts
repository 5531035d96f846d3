import type { Access } from '../auth/access.ts'
import type { PublishRate } from '../auth/publish-rate.ts'
import type { Refusals } from '../auth/refusals.ts'
import type { Hub } from '../core/hub.ts'
import type { Mcp } from '../mcp/mcp.ts'
import type { OutletAdmin } from '../webhooks/summary.ts'
import type { Answers } from './answers.ts'
import { BODY_TIMEOUT_MS } from './body.ts'
import { connections } from './connections.ts'
import { erase } from './erase.ts'
import { countRefusal, Gate, noteRefusal, refusalFor } from './gate.ts'
import { headOfStream } from './head.ts'
import { health } from './health.ts'
import { historyPage } from './history.ts'
import { type Heartbeats, IdleTimeout } from './idle-timeout.ts'
import { mcpRoutes } from './mcp.ts'
import { metrics, type WriteMetrics } from './metrics.ts'
import { openapi } from './openapi/openapi.ts'
import { page } from './page.ts'
import { pathOf } from './parameters.ts'
import { problemOf, problemResponse } from './problem.ts'
import { ProtectedResource } from './protected-resource.ts'
import { publish } from './publish/publish.ts'
import type { Rooms } from './rooms.ts'
import { RouteTable } from './route-table.ts'
import { streamRoutes } from './stream.ts'
import { tickets } from './tickets.ts'
import { topics } from './topics.ts'
import { visited } from './visitor.ts'
import { webhooks } from './webhooks.ts'
import { whoami } from './whoami.ts'

export interface AppOptions {
  hub: Hub
  /** Who may come in, and who is who. Shared by all servers of a process. */
  access: Access
  /** Shared as well: a session goes on at whichever address its next request comes to. */
  mcp: () => Mcp | Promise<Mcp>
  /** Shared as well: what the hub sends to by itself. */
  webhooks: () => OutletAdmin | Promise<OutletAdmin>
  /** What `/metrics` says. */
  metrics: WriteMetrics
  /** Shared as well. */
  publishRate: PublishRate
  /** Where the operator reads why a request was refused. */
  refusals: Refusals
  /** Those of the hub. */
  heartbeats: Readonly<Heartbeats>
  /** Milliseconds now. */
  now: () => number
  /** Failures nobody foresaw, and the request's id: their words are for the log, not for the client. */
  report: (error: unknown, request?: string) => void
  version: string
  /** It is listened for https. */
  tls?: boolean
  /** Seconds without a byte in either direction before a socket is closed; above the heartbeat by far. */
  idleTimeoutS?: (heartbeatMs: number) => number
  /** Memory for what arrives. Shared as well. */
  rooms: Rooms
  /** Memory for pages of history and topics. Shared as well. */
  answers: Answers
  /** For one body to be complete, milliseconds; default 30 s. */
  bodyTimeoutMs?: number
}

/** All of HTTP, in the order in which it sees a request: who asks, CORS, errors, routes. Listen with `app.listen`. */
export function createApp(options: AppOptions) {
  const { hub, access, answers, rooms, report } = options
  const gate = new Gate(access)
  const resource = new ProtectedResource(access)
  const bodyTimeoutMs = options.bodyTimeoutMs ?? BODY_TIMEOUT_MS
  const idleTimeout = new IdleTimeout(options.heartbeats, options.idleTimeoutS)
  const app = visited('http/app', {
    // Elysia (1.4.30) looks for the path behind the eleventh character, which `http://hub` does not reach, or with false
    // behind the seventh, which is inside of `https://`. There names of one and two letters on port 443 are not reached.
    handler: { standardHostname: options.tls ?? false },
    serve: {
      idleTimeout: idleTimeout.serverS,
      // Elysia's default is true: a second server on the port would start without an error and take half the requests.
      reusePort: false,
      // Bun's error page shows sources and messages.
      development: false,
      // Bun answers an oversized body itself, with an empty 413. Our own limits are lower and say what to do; a body
      // that no route reads is thrown away as it arrives (measured: 5 GB, no growth).
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    },
  })
  // An answer without an origin is none for the next page either: caches have to know what it was made for.
  app.headers({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', vary: 'Origin' })
  app.use(gate.plugin())
  // The gate answers preflights; any other OPTIONS asks what there is.
  app.onRequest(({ request }) => {
    if (request.method !== 'OPTIONS') return
    const methods = table.methods(pathOf(request))
    if (methods.length > 0) return new Response(null, { status: 204, headers: { allow: methods.join(', ') } })
  })
  const idOf = (request: Request): string => gate.requestId(request, app.server)
  app.onError(({ code, error, request, visitor }) => {
    const id = idOf(request)
    const address = (): string => gate.addressOf(request, app.server)
    const asker = { visitor, route: table.nameOf(request), address, request: id }
    if (code === 'NOT_FOUND') {
      const { refusal, headers } = table.refusal(request)
      countRefusal(hub.metrics, refusal)
      noteRefusal(options.refusals, refusal, asker)
      return problemResponse(refusal, { headers, request: id })
    }
    const refusal = refusalFor(error, visitor)
    countRefusal(hub.metrics, refusal)
    noteRefusal(options.refusals, refusal, asker)
    return problemOf(refusal, report, { request: id, metadata: () => resource.metadataUrl(request, app.server) })
  })
  app.use(page())
  app.use(resource.plugin())
  app.use(publish({ hub, gate, rate: options.publishRate, bodies: rooms.bodies, bodyTimeoutMs }))
  app.use(headOfStream(options.now, (path) => table.methods(path), idOf))
  app.use(
    streamRoutes({
      hub,
      gate,
      refusals: options.refusals,
      idleTimeout,
      now: options.now,
      history: (query, asking) => historyPage({ hub, answers }, query, asking),
    }),
  )
  app.use(topics({ log: hub.log, access, answers }))
  app.use(erase(hub.log))
  app.use(whoami(access))
  app.use(tickets({ access, gate, bodies: rooms.ticketBodies, bodyTimeoutMs }))
  app.use(
    mcpRoutes({
      mcp: options.mcp,
      metrics: hub.metrics,
      gate,
      refusals: options.refusals,
      answers,
      bodies: rooms.messages,
      bodyTimeoutMs,
      idleTimeout,
    }),
  )
  app.use(connections({ hub, access, answers }))
  app.use(webhooks({ webhooks: options.webhooks, gate, access, answers, bodies: rooms.redeliveries, bodyTimeoutMs }))
  app.use(health(hub))
  app.use(metrics(options.metrics))
  app.use(openapi(options.version, access))
  const table = new RouteTable(app.routes)
  return app
}
