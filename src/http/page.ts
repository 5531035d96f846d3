import { Elysia } from 'elysia'
import { loadClient } from '../page/client-module.ts'
import { loadPage } from '../page/page.ts'

/**
 * `GET /`: the page, and `GET /client.js`, with which it and other pages follow the hub. Browsers ask for an icon by
 * themselves; there is none.
 */
export function page(): Elysia {
  const document = loadPage()
  const client = loadClient()
  const app = new Elysia({ name: 'http/page' })
  app.get('/', ({ request }) => document.respond(request.headers.get('if-none-match')))
  app.get('/client.js', ({ request }) => client.respond(request.headers.get('if-none-match')))
  app.get('/favicon.ico', () => new Response(null, { status: 204, headers: { 'cache-control': 'max-age=86400' } }))
  return app
}
