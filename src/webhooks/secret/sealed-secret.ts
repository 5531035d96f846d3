import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { HubError } from '../../core/errors.ts'

const ALGORITHM = 'aes-256-gcm'
const VERSION = 'v1'
const NONCE_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32

/**
 * A secret as it is stored: `v1.<base64url of nonce, ciphertext and tag>`, AES-256-GCM. It opens only for the outlet it was
 * sealed for: moved to another one's row it is worth nothing.
 * @param key 32 bytes. Nonces are random: of one key fewer than 2^32 are to be sealed
 */
export function sealSecret(secret: Uint8Array, key: Uint8Array, outlet: string): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, checkedKey(key), nonce, { authTagLength: TAG_BYTES }).setAAD(aad(outlet))
  const sealed = Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()])
  return `${VERSION}.${sealed.toString('base64url')}`
}

/** @throws HubError `invalid-config` for another key, another outlet's and a changed text */
export function openSecret(text: string, key: Uint8Array, outlet: string): Uint8Array {
  const [version, digits = '', ...rest] = text.split('.')
  const sealed = Buffer.from(digits, 'base64url')
  const written = rest.length === 0 && sealed.toString('base64url') === digits
  if (version !== VERSION || !written || sealed.length < NONCE_BYTES + TAG_BYTES) throw unopened(outlet)
  const nonce = sealed.subarray(0, NONCE_BYTES)
  const tagAt = sealed.length - TAG_BYTES
  const decipher = createDecipheriv(ALGORITHM, checkedKey(key), nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(aad(outlet)).setAuthTag(sealed.subarray(tagAt))
  try {
    return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, tagAt)), decipher.final()]))
  } catch (cause) {
    throw unopened(outlet, cause)
  }
}

function aad(outlet: string): Buffer {
  return Buffer.from(`${VERSION}.${outlet}`, 'utf8')
}

function checkedKey(key: Uint8Array): Uint8Array {
  if (key.length === KEY_BYTES) return key
  throw new HubError('invalid-config', `The key of webhook secrets has ${key.length} bytes and not ${KEY_BYTES}.`)
}

function unopened(outlet: string, cause?: unknown): HubError {
  return new HubError(
    'invalid-config',
    `The stored secret of ${outlet} cannot be opened: the key of webhook secrets is another one, or the file was changed. Bring back the key of tickets and webhooks.db from one backup, or remove webhooks.db; clients then subscribe anew.`,
    { cause },
  )
}
