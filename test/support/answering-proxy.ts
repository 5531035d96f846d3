/**
 * A proxy on this machine in front of `target` that may answer in its place. `before` what it answers is never heard of by the
 * target; with `after` the request was done, and only the answer is another one.
 */
export function answeringProxy(
  target: string,
  {
    before = () => undefined,
    after = () => undefined,
    server: name,
  }: {
    before?: (request: Request) => Response | undefined
    after?: (request: Request, response: Response) => Response | undefined
    /** How it calls itself; as nobody when left out. */
    server?: string
  },
) {
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    development: false,
    idleTimeout: 60,
    async fetch(request) {
      const { pathname, search } = new URL(request.url)
      const early = before(request)
      if (early) return early
      const body = request.method === 'POST' ? await request.text() : undefined
      const response = await fetch(target + pathname + search, {
        method: request.method,
        headers: request.headers,
        redirect: 'manual',
        signal: request.signal,
        ...(body === undefined ? {} : { body }),
      })
      const instead = after(request, response)
      if (instead) return instead
      const headers = new Headers(response.headers)
      if (name) headers.set('server', name)
      return new Response(response.body, { status: response.status, headers })
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    async [Symbol.asyncDispose]() {
      await server.stop(true)
    },
  }
}
