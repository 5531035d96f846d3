const QUOTE = 0x22
const BACKSLASH = 0x5c
/** `\b \t \n \f \r`; other controls are written `\u001f`. */
const SHORT_ESCAPES = new Set([0x08, 0x09, 0x0a, 0x0c, 0x0d])

/** The longest beginning of `text` of whole characters that weighs at most `bytes` as a JSON string, quotes not counted. */
export function jsonPrefix(text: string, bytes: number): string {
  let weight = 0
  let end = 0
  while (end < text.length) {
    const code = text.codePointAt(end)!
    weight += jsonBytes(code)
    if (weight > bytes) break
    end += code > 0xffff ? 2 : 1
  }
  return text.slice(0, end)
}

/** What JSON.stringify makes of one character, in UTF-8. */
function jsonBytes(code: number): number {
  if (code < 0x20) return SHORT_ESCAPES.has(code) ? 2 : 6
  if (code === QUOTE || code === BACKSLASH) return 2
  if (code < 0x80) return 1
  if (code < 0x800) return 2
  // Half a surrogate pair is escaped.
  if (code >= 0xd800 && code <= 0xdfff) return 6
  return code > 0xffff ? 4 : 3
}
