/** What a client sent, in order of arrival. */
export interface Received {
  method: string
  path: string
  query: URLSearchParams
  headers: Headers
  body: string
}

/** One connection of a stream: what is written at once, and whether the server then hangs up. */
export interface StreamScript {
  frames: string
  end: boolean
}

/** The other end of a client, answering what the test says: `answer` gets each request and how many came before it. */
export function scriptedHub(answer: (request: Received, index: number) => Response | Promise<Response>) {
  const requests: Received[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    development: false,
    idleTimeout: 60,
    async fetch(request) {
      const { pathname: path, searchParams: query } = new URL(request.url)
      const received = { method: request.method, path, query, headers: request.headers, body: await request.text() }
      requests.push(received)
      return answer(received, requests.length - 1)
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    requests,
    async [Symbol.asyncDispose]() {
      await server.stop(true)
    },
  }
}

export function stream({ frames, end }: StreamScript): Response {
  const bytes = new TextEncoder().encode(frames)
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(bytes)
      if (end) controller.close()
    },
  })
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

export function control(type: string, data: object, id?: string): string {
  return `${id ? `id: ${id}\n` : ''}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`
}

export function opening(cursor: string, heartbeatMs = 15_000): string {
  return `: hello\n\nretry: 20\n\n${control('$open', { cursor, heartbeatMs }, cursor)}`
}

export function eventDocument(offset: number, more: object = {}) {
  return {
    id: `evt_abc_${offset}`,
    cursor: `abc.${offset}`,
    topic: 'orders/42',
    type: 'order.paid',
    time: '2026-11-22T12:00:00.000Z',
    data: { total: offset },
    ...more,
  }
}

/** As `envelope=1` writes it. */
export function envelope(offset: number, more: object = {}): string {
  return `id: abc.${offset}\ndata: ${JSON.stringify(eventDocument(offset, more))}\n\n`
}

export function problem(status: number, code: string, detail: string, more: Record<string, string> = {}): Response {
  return new Response(JSON.stringify({ type: 'about:blank', title: 'Refused', status, code, detail }), {
    status,
    headers: { 'content-type': 'application/problem+json', ...more },
  })
}
