import { Elysia } from 'elysia'
import { pathOf } from './parameters.ts'

const STREAM_PATH = /^\/events(?:\/|$)/

/**
 * `HEAD /events…`: what a stream's headers would be. Elysia 1.4.30 answers HEAD by running the GET route and reading its
 * body to learn the length, before any HEAD route of a wildcard path: on a stream that never ends.
 */
export function headOfStream(): Elysia {
  const app = new Elysia({ name: 'http/head' })
  app.onRequest(({ request }) => {
    if (request.method !== 'HEAD' || !STREAM_PATH.test(pathOf(request))) return
    return new Response(null, {
      headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store, no-transform' },
    })
  })
  return app
}
