import { cors } from '@elysiajs/cors'
import { Elysia } from 'elysia'
import type { Hub } from '../core/hub.ts'
import { BODY_TIMEOUT_MS } from './body.ts'
import { BodyRoom } from './body-room.ts'
import { erase } from './erase.ts'
import { headOfStream } from './head.ts'
import { health } from './health.ts'
import { historyPage } from './history.ts'
import { openapi } from './openapi/openapi.ts'
import { guardOrigin, originRule } from './origin.ts'
import { page } from './page.ts'
import { pathOf } from './parameters.ts'
import { problemOf } from './problem.ts'
import { publish } from './publish/publish.ts'
import { RouteTable } from './route-table.ts'
import { streamRoutes } from './stream.ts'
import { topics } from './topics.ts'

export interface AppOptions {
  hub: Hub
  /** What `CORS_ORIGIN` lists; empty: pages on this machine only. */
  origins: readonly string[]
  heartbeatMs: number
  /** Milliseconds now. */
  now: () => number
  /** Failures nobody foresaw: their words are for the log, not for the client. */
  report: (error: unknown) => void
  version: string
  /** Seconds without a byte in either direction before a socket is closed; above the heartbeat by far. Default 60. */
  idleTimeoutS?: number
  /** Bytes of all request bodies that are being read at one time; default 64 MiB. */
  bodyBytes?: number
  /** For one body to be complete, milliseconds; default 30 s. */
  bodyTimeoutMs?: number
}

const BODY_BYTES = 64 * 1024 * 1024

/** All of HTTP, in the order in which it sees a request: who asks, CORS, errors, routes. Listen with `app.listen`. */
export function createApp(options: AppOptions) {
  const { hub, report } = options
  const rule = originRule(options.origins)
  const app = new Elysia({
    name: 'http/app',
    serve: {
      idleTimeout: options.idleTimeoutS ?? 60,
      // Elysia's default is true: a second server on the port would start without an error and take half the requests.
      reusePort: false,
      // Bun's error page shows sources and messages.
      development: false,
      // Bun answers an oversized body itself, with an empty 413. Our own limits are lower and say what to do; a body
      // that no route reads is thrown away as it arrives (measured: 5 GB, no growth).
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    },
  })
  app.headers({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' })
  app.use(guardOrigin(rule))
  // The CORS plugin answers every OPTIONS; one that is no preflight asks what there is.
  app.onRequest(({ request, set }) => {
    if (request.method !== 'OPTIONS' || request.headers.has('access-control-request-method')) return
    const methods = table.methods(pathOf(request))
    if (methods.length > 0) set.headers.allow = methods.join(', ')
  })
  app.use(
    cors({
      origin: (request) => {
        const origin = request.headers.get('origin')
        return origin !== null && rule.mayRead(origin)
      },
      credentials: false,
      methods: ['GET', 'POST', 'DELETE', 'OPTIONS'],
      allowedHeaders: ['Last-Event-ID', 'Content-Type', 'Authorization', 'Idempotency-Key'],
      exposeHeaders: ['Retry-After'],
      maxAge: 600,
    }),
  )
  app.onError(({ code, error, request }) => (code === 'NOT_FOUND' ? table.refusal(request) : problemOf(error, report)))
  app.use(page())
  app.use(
    publish({
      hub,
      bodies: new BodyRoom(options.bodyBytes ?? BODY_BYTES),
      bodyTimeoutMs: options.bodyTimeoutMs ?? BODY_TIMEOUT_MS,
    }),
  )
  app.use(headOfStream())
  app.use(
    streamRoutes({
      hub,
      heartbeatMs: options.heartbeatMs,
      now: options.now,
      history: (query) => historyPage(hub, query),
    }),
  )
  app.use(topics(hub.log))
  app.use(erase(hub.log))
  app.use(health(hub))
  app.use(openapi(options.version))
  const table = new RouteTable(app.routes)
  return app
}
