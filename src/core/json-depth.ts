import { HubError } from './errors.ts'

export const MAX_JSON_DEPTH = 64

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/**
 * Refuses JSON that nests deeper than `allowed` before anything recursive sees it: one pass over the text, no
 * allocation, also for text that turns out not to be JSON. Text too short to nest that deep is not looked at.
 * @throws HubError `invalid-json`
 */
export function requireJsonDepth(text: string, allowed = MAX_JSON_DEPTH, pointer?: string): void {
  // Each level costs an opening and a closing character.
  if (text.length <= allowed * 2) return
  let depth = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === QUOTE) {
      index = stringEnd(text, index)
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (++depth > allowed) {
        throw new HubError('invalid-json', `JSON nests at most ${MAX_JSON_DEPTH} deep; flatten it.`, { pointer })
      }
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth--
    }
  }
}

/** The index of the quote that ends the string which starts at `start`, or the length of the text. */
function stringEnd(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let before = end - 1
    while (text.charCodeAt(before) === BACKSLASH) before--
    // An even number of backslashes before it: the quote itself is not escaped.
    if ((end - 1 - before) % 2 === 0) return end
  }
  return text.length
}
