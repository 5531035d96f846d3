import { createHmac } from 'node:crypto'

/** Names a credential without saying anything about it: `key:9f2c…`, 16 hexadecimal digits after the kind. */
export type Fingerprint = (kind: string, parts: readonly (string | undefined)[]) => string

/**
 * Keyed, since tickets carry fingerprints to browsers: of a plain hash, who holds a ticket could try out keys that people
 * made up. Equal for equal parts as long as `secret` is the same, so over restarts and reloads.
 */
export function fingerprints(secret: Uint8Array): Fingerprint {
  return (kind, parts) => {
    const text = JSON.stringify([kind, ...parts.map((part) => part ?? null)])
    return `${kind}:${createHmac('sha256', secret).update(text).digest('hex').slice(0, 16)}`
  }
}
