import { Elysia } from 'elysia'
import type { Visitor } from '../auth/access.ts'
import { HubError } from '../core/errors.ts'
import { narrowFilter } from '../core/grants.ts'
import { pathOf } from './parameters.ts'
import { problemResponse } from './problem.ts'
import { patternOf } from './stream.ts'
import { streamQuery } from './stream-query.ts'
import type { Visited } from './visitor.ts'

const STREAM_PATH = /^\/events(?:\/|$)/
/** Running their GET would open a session, or wait for messages that never come. */
const MESSAGE_STREAMS = /^\/(?:mcp|sse)\/?$/

/**
 * `HEAD /events…`: what a stream's headers would be, or the refusal of one. Elysia 1.4.30 answers HEAD by running the GET
 * route and reading its body to learn the length, before any HEAD route of a wildcard path: on a stream that never ends.
 */
export function headOfStream(now: () => number): Elysia {
  const app = new Elysia({ name: 'http/head' })
  app.onRequest((context) => {
    if (context.request.method !== 'HEAD') return
    const answer = headAnswer(context.request, (context as unknown as Visited).visitor, now())
    if (answer) return answer
  })
  return app
}

/** @throws HubError */
function headAnswer(request: Request, visitor: Visitor, now: number): Response | undefined {
  const path = pathOf(request)
  if (MESSAGE_STREAMS.test(path)) {
    const message = 'A stream of MCP messages has no head to look at; ask with GET.'
    return problemResponse(new HubError('method-not-allowed', message), { allow: 'GET, POST, DELETE, OPTIONS' })
  }
  if (!STREAM_PATH.test(path)) return undefined
  const { kind, filter } = streamQuery(request, path.length > '/events/'.length ? patternOf(request) : undefined, now)
  narrowFilter(filter, visitor.principal.grants)
  const type = kind === 'json' ? 'application/json' : kind === 'ndjson' ? 'application/x-ndjson' : 'text/event-stream'
  return new Response(null, { headers: { 'content-type': type, 'cache-control': 'no-store, no-transform' } })
}
