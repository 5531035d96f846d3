/** What is kept back: until so many bytes are there, or `compressed`, as a compressor does that never flushes. */
export type Hold = number | 'compressed'

interface Holding {
  hold?: Hold
  /** Added to each chunk. */
  slowMs?: number
  /** Added to the first chunk that holds this text, and to no other. */
  once?: { text: string; ms: number }
}

/** A proxy on this machine in front of `target` that holds what streams bring. `Number.POSITIVE_INFINITY`: until their end. */
export function holdingProxy(target: string, { hold = 0, slowMs = 0, once }: Holding) {
  let due = once
  const pauseFor = (chunk: Uint8Array): number => {
    if (!due || !Buffer.from(chunk).includes(due.text)) return slowMs
    const { ms } = due
    due = undefined
    return ms
  }
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    development: false,
    idleTimeout: 60,
    async fetch(request) {
      const { pathname, search } = new URL(request.url)
      const body = request.method === 'POST' ? await request.text() : undefined
      const response = await fetch(target + pathname + search, {
        method: request.method,
        headers: request.headers,
        redirect: 'manual',
        signal: request.signal,
        ...(body === undefined ? {} : { body }),
      })
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') && response.body
      if (!isStream) return response
      const headers = new Headers(response.headers)
      if (hold === 'compressed') {
        if (!request.headers.get('accept-encoding')?.includes('gzip')) return new Response(response.body, { headers })
        headers.set('content-encoding', 'gzip')
        return new Response(response.body!.pipeThrough(new CompressionStream('gzip')), { headers })
      }
      return new Response(response.body!.pipeThrough(holding(hold, pauseFor)), { headers })
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    async [Symbol.asyncDispose]() {
      await server.stop(true)
    },
  }
}

function holding(bytes: number, pauseFor: (chunk: Uint8Array) => number): TransformStream<Uint8Array, Uint8Array> {
  let kept: Uint8Array[] = []
  return new TransformStream({
    async transform(chunk, controller) {
      kept.push(chunk)
      if (kept.reduce((sum, { byteLength }) => sum + byteLength, 0) < bytes) return
      const all = Buffer.concat(kept)
      kept = []
      const pauseMs = pauseFor(all)
      if (pauseMs > 0) await Bun.sleep(pauseMs)
      controller.enqueue(all)
    },
  })
}
