/**
 * Server-Sent Events with Bun.serve and nothing else: no log, no checks, no queue. What its memory does under the same
 * connections is the runtime's doing.
 *
 *   bun floor-server.ts PORT GROUPS EVENTS_PER_SECOND
 *
 * It makes the events itself: an even part of them for each group, streamed at `/<group>` and all of them at `/`.
 */
const [port, groups, perSecond] = process.argv.slice(2).map(Number) as [number, number, number]
const BEAT_MS = 100
const LARGE = `{"pad":"${'x'.repeat(6 * 1024)}"}`
const SMALL = `{"pad":"${'x'.repeat(150)}"}`
const encoder = new TextEncoder()
const OPENING = encoder.encode(':\n\n')

type Chunk = Uint8Array<ArrayBuffer>

/** Who waits is given the next chunk; who does not misses it. */
const waiting: Set<(chunk: Chunk) => void>[] = Array.from({ length: groups + 1 }, () => new Set())
let number = 0

function beat(): void {
  const all: string[] = []
  for (let group = 0; group < groups; group++) {
    let text = ''
    for (let count = 0; count < (perSecond * BEAT_MS) / 1000 / groups; count++) {
      text += `id: ${++number}\nevent: tick\ndata: ${number % 10 === 0 ? LARGE : SMALL}\n\n`
    }
    all.push(text)
    send(group, text)
  }
  send(groups, all.join(''))
}

function send(channel: number, text: string): void {
  const readers = [...waiting[channel]!]
  waiting[channel]!.clear()
  const chunk = encoder.encode(text)
  for (const take of readers) take(chunk)
}

async function* stream(channel: number, signal: AbortSignal): AsyncGenerator<Chunk> {
  const readers = waiting[channel]!
  yield OPENING
  while (!signal.aborted) {
    const { promise, resolve } = Promise.withResolvers<Chunk | undefined>()
    const gone = () => resolve(undefined)
    readers.add(resolve)
    signal.addEventListener('abort', gone)
    const chunk = await promise
    signal.removeEventListener('abort', gone)
    readers.delete(resolve)
    if (!chunk) return
    yield chunk
  }
}

Bun.serve({
  hostname: '127.0.0.1',
  port,
  development: false,
  idleTimeout: 60,
  fetch(request) {
    const name = new URL(request.url).pathname.slice(1)
    if (name === 'ready') return new Response('ready')
    const channel = name === '' ? groups : Number(name) % groups
    // The types leave out what Bun takes.
    const body = stream(channel, request.signal) as unknown as BodyInit
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  },
})
setInterval(beat, BEAT_MS)

export {}
