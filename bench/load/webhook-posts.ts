import { createHmac } from 'node:crypto'

/**
 * The floor under signed webhooks: a loop of Bun's `fetch` that signs and POSTs and does nothing else.
 *
 *   bun webhook-posts.ts COUNT AT_ONCE URL,… [EVENTS_PER_SECOND]
 *
 * COUNT POSTs, AT_ONCE at one time, over kept connections, the URLs in turn: one POST to each is an event. As fast as it
 * goes, or so many events a second. stdout: one JSON object.
 */
const [count, atOnce] = process.argv.slice(2, 4).map(Number) as [number, number]
const urls = process.argv[4]!.split(',')
const perSecond = Number(process.argv[5] ?? 0)
const key = Buffer.alloc(32, 7)
const PAD = 'x'.repeat(120)

let next = 0
let failures = 0
async function lane(): Promise<void> {
  while (next < count) {
    const n = next++
    const event = Math.floor(n / urls.length)
    if (perSecond > 0) await Bun.sleep(begun + (event * 1000) / perSecond - performance.now())
    const id = `evt_k3f9a2b7_${event}`
    const body = JSON.stringify({
      eventId: id,
      name: 'topic.event',
      timestamp: new Date().toISOString(),
      data: { topic: `load/${event % 10}`, type: 'message', data: { n: event, pad: PAD } },
      cursor: `k3f9a2b7.${event}`,
    })
    const time = Math.floor(Date.now() / 1000)
    const response = await fetch(urls[n % urls.length]!, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-mcp-subscription-id': 'sub_0123456789abcdef0123456789abcdef',
        'webhook-id': id,
        'webhook-timestamp': String(time),
        'webhook-signature': `v1,${createHmac('sha256', key).update(`${id}.${time}.${body}`).digest('base64')}`,
      },
      body,
    })
    await response.arrayBuffer()
    if (!response.ok) failures++
  }
}

const begun = performance.now()
const before = process.cpuUsage()
await Promise.all(Array.from({ length: atOnce }, lane))
const { user, system } = process.cpuUsage(before)
const seconds = (performance.now() - begun) / 1000
console.log(JSON.stringify({ posts: count, failures, seconds, cpuSeconds: (user + system) / 1e6 }))
