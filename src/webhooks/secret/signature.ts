import { createHmac } from 'node:crypto'

export interface Signed {
  /** `webhook-id` */
  id: string
  /** To the byte what is sent. */
  body: string
  /** The newest first; a receiver takes any of them. None: it is not signed. */
  keys: readonly Uint8Array[]
  /** Milliseconds of the wall clock, of this attempt. */
  now: number
}

/** The headers of Standard Webhooks: HMAC-SHA256 over `id.seconds.body`, once for each key. */
export function signatureHeaders({ id, body, keys, now }: Signed): Record<string, string> {
  const seconds = String(Math.floor(now / 1000))
  const headers = { 'webhook-id': id, 'webhook-timestamp': seconds }
  if (keys.length === 0) return headers
  const signatures = keys.map((key) => {
    const digest = createHmac('sha256', key).update(`${id}.${seconds}.`).update(body, 'utf8').digest('base64')
    return `v1,${digest}`
  })
  return { ...headers, 'webhook-signature': signatures.join(' ') }
}
