import { HubError } from '../../core/errors.ts'

const PREFIX = 'whsec_'
const LEAST_BYTES = 24
const MOST_BYTES = 64
const BASE64 = /^([A-Za-z0-9+/]{1,88})(={0,2})$/

/**
 * The key in `whsec_<base64>` of 24 to 64 bytes (SEP-3415, Standard Webhooks). Padding may be left out; other than that
 * there is one spelling of a key: decoders skip what they do not know, and two sides would sign with different keys.
 * @throws HubError `invalid-arguments` with `pointer`; the sentence never repeats the text
 */
export function webhookSecret(text: string, pointer: string): Uint8Array {
  const [, digits, padding] = (text.startsWith(PREFIX) && BASE64.exec(text.slice(PREFIX.length))) || []
  const key = digits === undefined ? undefined : Buffer.from(digits, 'base64')
  const spelled = key?.toString('base64')
  const exact = spelled === `${digits}${padding}` || (padding === '' && spelled?.replace(/=+$/, '') === digits)
  if (key && exact && key.length >= LEAST_BYTES && key.length <= MOST_BYTES) return new Uint8Array(key)
  throw new HubError(
    'invalid-arguments',
    `The secret must be ${PREFIX} followed by ${LEAST_BYTES} to ${MOST_BYTES} bytes in base64; make one with: echo "${PREFIX}$(openssl rand -base64 32)"`,
    { pointer },
  )
}
