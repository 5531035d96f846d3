import { HubError } from './errors.ts'

export const MAX_ID_BYTES = 256

/** Ids the hub makes from the cursor start so; a publisher's could otherwise name another event. */
export const RESERVED_ID_PREFIX = 'evt_'

const CONTROL = /\p{Cc}/u

/** @throws HubError `invalid-id` */
export function requireId(id: string, pointer = '/id'): string {
  const refusal = checkId(id)
  if (refusal) throw new HubError('invalid-id', `This id is refused: ${refusal}`, { pointer })
  return id
}

function checkId(id: string): string | undefined {
  if (id === '') return 'an id has at least one character; leave it out to get one.'
  if (id.length > MAX_ID_BYTES || Buffer.byteLength(id) > MAX_ID_BYTES)
    return `an id has at most ${MAX_ID_BYTES} bytes.`
  if (id.startsWith(RESERVED_ID_PREFIX)) return `ids that start with ${RESERVED_ID_PREFIX} are made by the hub.`
  if (CONTROL.test(id)) return 'an id has no control characters.'
  if (!id.isWellFormed()) return 'an id is Unicode text, and half a surrogate pair is not.'
  return undefined
}
