const LEAST_MS = 60_000
/** A subscription is kept over restarts, so nobody has to come back often; what is forgotten ends in a day. */
const MOST_MS = 24 * 3_600_000

export interface Keeping {
  /** When the credential it was made with ends; `undefined`: never. */
  expires: number | undefined
  /** Whether it outlasts a restart: else nobody would make it again after one (SEP-3415). */
  durable: boolean
}

/**
 * When a subscription ends, milliseconds of the wall clock; `null`: never. Any number is clamped and none refused
 * (SEP-3415). Never later than the credential it was made with.
 */
export function endOf(ttlMs: number | null | undefined, now: number, { expires, durable }: Keeping): number | null {
  if (ttlMs === null && expires === undefined && durable) return null
  const granted = Math.min(Math.max(ttlMs ?? MOST_MS, LEAST_MS), MOST_MS)
  return Math.min(now + granted, expires ?? Number.POSITIVE_INFINITY)
}
