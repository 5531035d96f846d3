import { jittered } from './pace.ts'

/** Pauses between the attempts of one event: five of them in about eight minutes (SEP-3415: 3 to 5 within 10 to 15). */
const PAUSES_MS = [10_000, 30_000, 80_000, 360_000]
/** No pause is longer: what a receiver asks for, at most (RFC 9110, `Retry-After`). */
export const LONGEST_PAUSE_MS = 3_600_000
export const MOST_ATTEMPTS = PAUSES_MS.length + 1

/** After `attempts` of them failed; `undefined`: it is given up. */
export function pauseAfter(attempts: number, random: () => number): number | undefined {
  const pause = PAUSES_MS[attempts - 1]
  return pause === undefined ? undefined : jittered(pause, random)
}
