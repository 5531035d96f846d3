import { Elysia } from 'elysia'
import type { Hub } from '../core/hub.ts'
import { jsonAnswer } from './json-answer.ts'

/** `/livez`: the process answers. `/readyz` (= `/healthz`): it takes events and streams; 503 while it stops or failed. */
export function health(hub: Pick<Hub, 'admission'>): Elysia {
  const app = new Elysia({ name: 'http/health' })
  const ready = (): Response =>
    jsonAnswer(JSON.stringify({ status: hub.admission.state }), hub.admission.ready ? 200 : 503)
  app.get('/livez', () => text('ok\n'))
  app.get('/readyz', ready)
  app.get('/healthz', ready)
  return app
}

function text(body: string): Response {
  return new Response(body, { headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' } })
}
