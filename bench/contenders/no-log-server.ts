import { Elysia } from 'elysia'

/**
 * The publish route with everything but a log and readers: the body is read, told apart as JSON or text, and answered
 * with the receipt the hub gives. Argument: the port.
 */
let offset = 0
const started = Date.now().toString(36).slice(-8)

const app = new Elysia({ serve: { development: false } })
  .get('/livez', () => 'ok')
  .post(
    '/events/:topic',
    async ({ params, query, request }) => {
      const body = await request.text()
      try {
        JSON.parse(body)
      } catch (error) {
        // Text is as welcome as JSON on this route; anything else is a bug.
        if (!(error instanceof SyntaxError)) throw error
      }
      offset++
      const receipt = {
        id: `evt_${started}_${offset}`,
        cursor: `${started}.${offset}`,
        topic: params.topic,
        type: query.type ?? 'message',
        time: new Date().toISOString(),
      }
      return new Response(JSON.stringify(receipt), { status: 201, headers: { 'content-type': 'application/json' } })
    },
    { parse: 'none' },
  )

app.listen({ port: Number(process.argv[2]), hostname: '127.0.0.1', reusePort: false })
