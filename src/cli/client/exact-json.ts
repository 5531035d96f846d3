/** ES2026 (JSON.parse source text access), in Bun since 1.4 and not yet in TypeScript's library. */
interface SourceText {
  /** The text of a primitive value; objects and arrays have none. */
  source?: string
}

const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): object }

/**
 * `JSON.parse` whose numbers stringify to the very text they came as: 12345678901234567890 and 1.50 keep their digits.
 * Numbers are opaque objects for that; no caller calculates.
 */
export function parseExact(json: string): unknown {
  return JSON.parse(json, keepDigits)
}

function keepDigits(_key: string, value: unknown, context?: SourceText): unknown {
  return typeof value === 'number' && context?.source !== undefined ? rawJSON(context.source) : value
}
