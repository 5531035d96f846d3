const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'
const LENGTH = 8

/** A name for a new generation: 41 bits of chance, so that no two histories of a log share one. */
export function newEpoch(): string {
  const random = crypto.getRandomValues(new Uint32Array(LENGTH))
  return Array.from(random, (value) => ALPHABET[value % ALPHABET.length]).join('')
}
