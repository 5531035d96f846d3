const MOST_MS = 3_600_000
const SECONDS = /^\d{1,12}$/
/** RFC 9110, 5.6.7: what is written today. `Date.parse` takes much else for a date. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/** Milliseconds of a `Retry-After`, at most an hour; `undefined` for none, and for what is neither seconds nor a date. */
export function retryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined
  const text = header.trim()
  if (SECONDS.test(text)) return Math.min(Number(text) * 1000, MOST_MS)
  if (!HTTP_DATE.test(text)) return undefined
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.min(Math.max(0, at - now), MOST_MS)
}
