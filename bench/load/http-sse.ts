/**
 * Calls over HTTP+SSE (2024-11-05), in a process of their own: the answers come on the one stream, not to the POST.
 *
 *   bun http-sse.ts PORT CALLERS SECONDS
 *
 * stdout: one JSON object with the calls answered.
 */
const [port, callers, seconds] = process.argv.slice(2).map(Number) as [number, number, number]
const url = `http://127.0.0.1:${port}`
const stop = new AbortController()
const answered = new Map<number, () => void>()
const begun = Promise.withResolvers<string>()
let id = 0

async function read(): Promise<void> {
  const response = await fetch(`${url}/sse`, { headers: { accept: 'text/event-stream' }, signal: stop.signal })
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk, { stream: true })
    const frames = text.split('\n\n')
    text = frames.pop()!
    for (const frame of frames) take(frame)
  }
}

function take(frame: string): void {
  const data = frame.slice(frame.indexOf('data: ') + 6)
  if (frame.includes('event: endpoint')) begun.resolve(new URL(data, url).href)
  else if (frame.includes('event: message')) {
    const message = JSON.parse(data) as { id?: number }
    answered.get(message.id ?? -1)?.()
    answered.delete(message.id ?? -1)
  }
}

const reading = read().catch((error: unknown) => {
  if (!stop.signal.aborted) throw error
})
const endpoint = await begun.promise

async function send(message: object): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ jsonrpc: '2.0', ...message })
  const response = await fetch(endpoint, { method: 'POST', headers, body })
  await response.text()
  if (response.status !== 202) throw new Error(`a message was answered with ${response.status}`)
}

async function call(method: string, params: object): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const mine = ++id
  answered.set(mine, resolve)
  await send({ id: mine, method, params })
  await promise
}

const clientInfo = { name: 'bench', version: '1' }
await call('initialize', { protocolVersion: '2024-11-05', capabilities: {}, clientInfo })
await send({ method: 'notifications/initialized' })
const until = performance.now() + seconds * 1000
let calls = 0
await Promise.all(
  Array.from({ length: callers }, async () => {
    while (performance.now() < until) {
      await call('tools/call', { name: 'hub_status', arguments: {} })
      calls++
    }
  }),
)
stop.abort()
await reading
console.log(JSON.stringify({ calls }))

export {}
