import { HubError } from '../core/errors.ts'

/** RFC 7518 section 3.2: a key of HS256 has at least as many bits as its hash. */
const MIN_SECRET_BYTES = 32

/** @throws HubError `invalid-config` for a secret of less than 32 bytes */
export function secretBytes(secret: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(secret)
  if (bytes.length >= MIN_SECRET_BYTES) return bytes
  throw new HubError(
    'invalid-config',
    `A secret of auth.jwt.secret has at least ${MIN_SECRET_BYTES} bytes; make one with \`openssl rand -base64 32\`.`,
  )
}
