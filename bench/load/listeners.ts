/**
 * Listeners of `subscriptions/listen` (2026-07-28), in a process of their own.
 *
 *   bun listeners.ts PORT LISTENERS EVENTS GAP_MS
 *
 * Opens them all, then publishes one event each GAP_MS (above a second: a resource is told of at most once in one) and
 * notes for each listener how long after the sending it was told. stdout: one JSON object, milliseconds.
 */
const [port, listeners, events, gapMs] = process.argv.slice(2).map(Number) as [number, number, number, number]
const url = `http://127.0.0.1:${port}`
const VERSION = '2026-07-28'
const META = {
  'io.modelcontextprotocol/protocolVersion': VERSION,
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
}
const samples: number[] = []
const stop = new AbortController()
let sentAt = 0
let acknowledged = 0

async function listen(id: number): Promise<void> {
  const notifications = { resourceSubscriptions: ['events://topics/bench'] }
  const response = await fetch(`${url}/mcp`, {
    method: 'POST',
    signal: stop.signal,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': VERSION,
      'mcp-method': 'subscriptions/listen',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id,
      method: 'subscriptions/listen',
      params: { _meta: META, notifications },
    }),
  })
  if (!response.ok || !response.body)
    throw new Error(`listen was answered with ${response.status}: ${await response.text()}`)
  const decoder = new TextDecoder()
  for await (const chunk of response.body) {
    const text = decoder.decode(chunk)
    if (text.includes('subscriptions/acknowledged')) acknowledged++
    for (let at = text.indexOf('resources/updated'); at !== -1; at = text.indexOf('resources/updated', at + 1)) {
      samples.push(performance.now() - sentAt)
    }
  }
}

async function until(reached: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 30_000
  while (!reached()) {
    if (performance.now() > deadline)
      throw new Error(`no ${what} within 30 s (${acknowledged} listen, ${samples.length} told)`)
    await Bun.sleep(5)
  }
}

const streams = Array.from({ length: listeners }, (_, id) =>
  listen(id + 1).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error
  }),
)
await until(() => acknowledged === listeners, 'acknowledgement of all')
for (let event = 1; event <= events; event++) {
  sentAt = performance.now()
  const published = await fetch(`${url}/events/bench`, { method: 'POST', body: `${event}` })
  await published.text()
  await until(() => samples.length >= event * listeners, 'notice for all')
  await Bun.sleep(Math.max(0, gapMs - (performance.now() - sentAt)))
}
stop.abort()
await Promise.all(streams)
samples.sort((a, b) => a - b)
const at = (part: number): number => samples[Math.min(samples.length - 1, Math.floor(samples.length * part))]!
console.log(JSON.stringify({ samples: samples.length, p50: at(0.5), p99: at(0.99), max: at(1) }))

export {}
