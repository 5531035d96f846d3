import { HttpOutbound } from '../../src/webhooks/outbound/http-outbound.ts'

/** A process of its own, for what the environment decides. `URL [CA]` → the outcome as JSON; every name is 127.0.0.1. */
const [url, ca] = process.argv.slice(2)
const outbound = new HttpOutbound({ resolve: async () => ['127.0.0.1'], ...(ca && { ca }) })
const rule = { loopback: true, private: true }
const outcome = await outbound.post({
  url: new URL(url!),
  rule,
  headers: {},
  body: '{}',
  timeoutMs: 60_000,
  readBytes: 0,
})
console.log(JSON.stringify({ ...outcome, body: undefined }))
outbound.close()
