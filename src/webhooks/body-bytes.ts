/** What receivers take of one body (SEP-3415). */
export const MOST_BODY_BYTES = 262_144
/** UTF-8 bytes of one UTF-16 unit, at most. */
const LARGEST_UNIT = 3

export function isTooLarge(body: string): boolean {
  return body.length * LARGEST_UNIT > MOST_BODY_BYTES && Buffer.byteLength(body) > MOST_BODY_BYTES
}
