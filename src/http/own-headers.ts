/** The part of Elysia's context that holds the headers of the gate (CORS) and those of every answer. */
export interface SetHeaders {
  headers: Record<string, unknown>
}

/**
 * Takes the headers out of `set`, for a response that has all of its own: what is left in `set` makes Elysia 1.4.30 wrap
 * the response again, which costs an idle reader another ReadableStream (measured: 0.9 KiB).
 */
export function ownHeaders(set: SetHeaders): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(set.headers)) headers[name] = String(value)
  set.headers = {}
  return headers
}
