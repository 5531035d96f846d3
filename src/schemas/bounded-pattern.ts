/** UTF-16 units: what a pattern with a square in its cost takes is then some ten milliseconds. */
const LONGEST_TEXT = 4096

/** Thrown out of a whole check: `not`, or a property's name that no pattern covers, would make "no match" a pass. */
export class TextTooLong extends Error {}

/**
 * The operator writes the pattern and whoever publishes the text, on an engine that backtracks (JavaScriptCore): the
 * text is bounded. @throws SyntaxError, TextTooLong
 */
export function boundedPattern(pattern: string, flags: string) {
  const expression = new RegExp(pattern, flags)
  return {
    test(text: string): boolean {
      if (text.length > LONGEST_TEXT) throw new TextTooLong('Text this long is not tested against a pattern.')
      return expression.test(text)
    },
    /** What ajv tells one from another by. */
    toString: () => expression.toString(),
  }
}

export const TEXT_TOO_LONG_RULE = `has text of more than ${LONGEST_TEXT} characters where a pattern is to be kept (pattern)`
