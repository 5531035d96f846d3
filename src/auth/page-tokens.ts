import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Tokens that say where a list goes on. The place may be a topic that the reader may not know of, which a look-up passed
 * over; so nobody but this server reads a token or makes one. They survive a restart.
 */
export class PageTokens {
  readonly #key: Uint8Array

  constructor(secret: Uint8Array) {
    this.#key = new Uint8Array(hkdfSync('sha256', secret, '', 'mcp-sse page tokens', 32))
  }

  seal(place: string): string {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(CIPHER, this.#key, nonce)
    return Buffer.concat([nonce, cipher.update(place, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
      'base64url',
    )
  }

  /** `undefined` for what `seal` did not make. */
  open(token: string): string | undefined {
    const bytes = Buffer.from(token, 'base64url')
    if (bytes.byteLength < NONCE_BYTES + TAG_BYTES || bytes.toString('base64url') !== token) return undefined
    const decipher = createDecipheriv(CIPHER, this.#key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
    try {
      return decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
    } catch {
      // Not authentic, which is all there is to say about it.
      return undefined
    }
  }
}
