/** A JSON text on one line: raw line breaks in it are white space between tokens, so a space says the same. */
export function oneLine(json: string): string {
  return json.replace(/[\r\n]+/g, ' ')
}
