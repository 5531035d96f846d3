import { Elysia } from 'elysia'
import type { Visitor } from '../auth/access.ts'
import { HubError } from '../core/errors.ts'
import { narrowFilter } from '../core/grants.ts'
import { pathOf } from './parameters.ts'
import { problemResponse } from './problem.ts'
import { patternOf } from './stream.ts'
import { streamQuery } from './stream-query.ts'
import type { Visited } from './visitor.ts'

/** Of a table that knows the routes. */
type Methods = (path: string) => string[]
/** As `Gate.requestId`. */
type IdOf = (request: Request) => string

const STREAM_PATH = /^\/events(?:\/|$)/
const MESSAGE_STREAMS = /^\/(?:mcp|sse)\/?$/

/** Not of MCP's streams: running their GET would open a session, or wait for messages that never come. */
export function hasHead(path: string): boolean {
  return !MESSAGE_STREAMS.test(path)
}

/**
 * `HEAD /events…`: what a stream's headers would be, or the refusal of one. Elysia 1.4.30 answers HEAD by running the GET
 * route and reading its body to learn the length, before any HEAD route of a wildcard path: on a stream that never ends.
 */
export function headOfStream(now: () => number, methods: Methods, idOf: IdOf): Elysia {
  const app = new Elysia({ name: 'http/head' })
  app.onRequest((context) => {
    if (context.request.method !== 'HEAD') return
    const answer = headAnswer(context.request, (context as unknown as Visited).visitor, now(), methods, idOf)
    if (answer) return answer
  })
  return app
}

/** @throws HubError */
function headAnswer(
  request: Request,
  visitor: Visitor,
  now: number,
  methods: Methods,
  idOf: IdOf,
): Response | undefined {
  const path = pathOf(request)
  if (!hasHead(path)) {
    const message = 'A stream of MCP messages has no head to look at; ask with GET.'
    return problemResponse(new HubError('method-not-allowed', message), {
      headers: { allow: methods(path).join(', ') },
      request: idOf(request),
    })
  }
  if (!STREAM_PATH.test(path)) return undefined
  const { kind, filter } = streamQuery(request, path.length > '/events/'.length ? patternOf(request) : undefined, now)
  narrowFilter(filter, visitor.principal.grants)
  const type = kind === 'json' ? 'application/json' : kind === 'ndjson' ? 'application/x-ndjson' : 'text/event-stream'
  return new Response(null, { headers: { 'content-type': type, 'cache-control': 'no-store, no-transform' } })
}
